//! `connect`: what a client's configuration takes to lead to the gateway, shown or written.

mod clients; // where each client keeps what
mod file; // changed whole, with a backup
mod hooks; // the hook of Claude Code
mod language; // JSON and TOML as people write them
mod place; // where something of ours stands
mod standing; // where they lead now
mod told; // what is printed
mod way; // how a client reaches the gateway

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::Value;

use crate::clock::SystemClock;
use crate::config::AuthMode;
use crate::domain::Clock as _;

use super::client::Find;
use super::output::Format;
use super::{CliError, Exit};

use clients::{ClientKind, Scope, Way};
use file::{ClientFile, FileFault};
use language::Unfit;
use place::Piece;
use told::{Change, Report};

pub(super) use standing::{Leads, standing};

/// The name of the entry when nobody says otherwise.
const NAME: &str = "policyguard";

/// `policyguard connect`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("act").args(["print", "write", "rollback"]),
    after_help = "Examples:\n  policyguard connect cursor\n  policyguard connect cursor --write\n  policyguard connect claude-desktop --write\n  policyguard connect vscode --url https://gateway.example:8000 --with-key --write\n  policyguard connect claude-code --hook --write\n  policyguard connect cursor --rollback\n\nA key never stands in a file: the client is told where it finds it."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct ConnectArgs {
    /// The client
    #[arg(value_enum)]
    client: ClientKind,
    /// Show what would be written and where; nothing is changed (what happens without a flag)
    #[arg(long)]
    print: bool,
    /// Write it, and keep what was there beside it
    #[arg(long)]
    write: bool,
    /// Put back what was there before the last write
    #[arg(long)]
    rollback: bool,
    /// For whom [default: project for claude-code and vscode, user for the others]
    #[arg(long, value_enum)]
    scope: Option<Scope>,
    /// File to write, for a client that keeps it elsewhere
    #[arg(long, value_name = "FILE", conflicts_with = "scope")]
    file: Option<PathBuf>,
    /// Name of the entry
    #[arg(long, default_value = NAME, value_parser = entry_name)]
    name: String,
    /// Let the client start this program instead of asking over HTTP
    #[arg(long)]
    stdio: bool,
    /// Name the key's variable [default: if credentials are asked for, or a key is set here]
    #[arg(long)]
    with_key: bool,
    /// Replace an entry that is not ours
    #[arg(long, conflicts_with = "rollback")]
    force: bool,
    /// Ask before every tool of Claude Code, instead of offering tools to it
    #[arg(long, conflicts_with_all = ["stdio", "with_key", "name"])]
    hook: bool,
}

pub(super) fn run(find: &Find<'_>, args: &ConnectArgs, format: Format) -> Result<Exit, CliError> {
    let path = path(args)?;
    let file = ClientFile::open(&path)?;
    let wanted = if args.hook {
        hooks::wanted(find, args.client)?
    } else {
        wanted(find, args)?
    };
    let report = if args.rollback {
        rollback(args, &wanted, &file)?
    } else {
        change(args, &wanted, &file)?
    };
    report.print(format)?;
    Ok(Exit::Ok)
}

/// What is to stand in the client's file.
struct Wanted {
    pieces: Vec<Piece>,
    /// Whether what stands in the place of a piece may be replaced.
    is_ours: Box<dyn Fn(&Value) -> bool>,
    /// Whether what stands there may have been written by us at all.
    has_our_form: fn(&Value) -> bool,
}

fn wanted(find: &Find<'_>, args: &ConnectArgs) -> Result<Wanted, CliError> {
    let way = way::to_gateway(find, args)?;
    let keeps_key = match &way {
        Way::Http(_) => true,
        // Who starts the program on the data directory of its own is known by that.
        Way::Stdio(..) => find.url.is_some(),
    };
    let config = find.config;
    let asked = config.auth == AuthMode::Credentials || config.api_key.is_some() || args.with_key;
    // To take something back is to take back all of it, with whatever flags it was written.
    let with_key = args.rollback || (keeps_key && asked);
    if with_key && !args.rollback && args.client == ClientKind::ClaudeDesktop {
        return Err(CliError::Usage(
            "Claude Desktop has no place for a key but its file, where it would stand in clear; \
             leave --url out, so that it starts a gateway of your own"
                .to_owned(),
        ));
    }
    let name = args.name.clone();
    Ok(Wanted {
        pieces: args.client.pieces(&name, &way, with_key),
        is_ours: Box::new(move |entry| clients::is_ours(entry, &name, &way)),
        has_our_form: clients::has_our_form,
    })
}

/// The client's file.
fn path(args: &ConnectArgs) -> Result<PathBuf, CliError> {
    if let Some(file) = &args.file {
        return Ok(std::path::absolute(file)?);
    }
    let scope = args.scope.unwrap_or(args.client.default_scope());
    let file = if args.hook {
        hooks::file()
    } else {
        args.client.file(scope).ok_or_else(|| {
            CliError::Usage(format!(
                "{} has no configuration of a project: leave --scope out",
                args.client.title()
            ))
        })?
    };
    let folder = match scope {
        Scope::Project => std::env::current_dir()?,
        Scope::User => std::env::home_dir()
            .filter(|home| home.is_absolute())
            .ok_or_else(|| {
                CliError::Usage(
                    "nobody knows your home (HOME): name the file with --file".to_owned(),
                )
            })?,
    };
    Ok(folder.join(file))
}

/// Puts what is wanted into the file, or says what that would change.
fn change<'a>(
    args: &'a ConnectArgs,
    wanted: &Wanted,
    file: &'a ClientFile,
) -> Result<Report<'a>, CliError> {
    let language = args.client.language();
    let old = file.text().unwrap_or_default();
    let snippet = language
        .with("", &wanted.pieces)
        .map_err(|unfit| CliError::Unexpected(unfit.to_string()))?;
    let mut report = Report::of(args, file.path(), snippet);
    let fit = language.read(old).and_then(|document| {
        let new = language.with(old, &wanted.pieces)?;
        Ok((document, new))
    });
    let (document, new) = match fit {
        Ok(fit) => fit,
        Err(unfit) if args.write => return Err(report.unfit(&unfit)),
        Err(unfit) => {
            report.change = Change::Impossible(unfit.to_string());
            return Ok(report);
        }
    };
    let taken = |piece: &Piece| {
        let there = piece.find(&document);
        !piece.stands_in(&document) && there.is_some_and(|there| !(wanted.is_ours)(there))
    };
    report.change = if file.text().is_none() {
        Change::Create
    } else if new == old {
        Change::Nothing
    } else if wanted.pieces.iter().any(taken) {
        Change::Overwrite
    } else if wanted
        .pieces
        .iter()
        .all(|piece| piece.find(&document).is_some())
    {
        Change::Replace
    } else {
        Change::Add
    };
    if report.change == Change::Overwrite && args.write && !args.force {
        return Err(report.taken());
    }
    if args.write && report.change != Change::Nothing {
        report.backup = Some(file.write(&new, SystemClock::new().now())?);
    }
    Ok(report)
}

/// Puts back what was there before the last write, if nobody has changed the file since.
fn rollback<'a>(
    args: &'a ConnectArgs,
    wanted: &Wanted,
    file: &'a ClientFile,
) -> Result<Report<'a>, CliError> {
    let mut report = Report::of(args, file.path(), String::new());
    let Some(backup) = file.newest_backup()? else {
        return Err(report.no_backup());
    };
    let language = args.client.language();
    let was = backup.text.as_deref().unwrap_or_default();
    let ours = || -> Result<bool, Unfit> {
        let now = language.read(file.text().unwrap_or_default())?;
        let there = wanted.pieces.iter().filter_map(|piece| {
            let value = piece.find(&now)?;
            (piece.kept || (wanted.has_our_form)(value)).then(|| piece.with(value.clone()))
        });
        let again = language.with(was, &there.collect::<Vec<_>>())?;
        Ok(Some(again.as_str()) == file.text())
    };
    if !ours().unwrap_or(false) {
        return Err(report.changed_since(&backup.path));
    }
    file.restore(&backup)?;
    report.change = if backup.text.is_some() {
        Change::Restored
    } else {
        Change::Removed
    };
    report.backup = Some(backup.path);
    Ok(report)
}

/// A name that every client takes.
fn entry_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("write 1 to 64 of A-Z a-z 0-9 _ -".to_owned())
    }
}

impl From<FileFault> for CliError {
    fn from(fault: FileFault) -> Self {
        Self::Config(fault.to_string())
    }
}
