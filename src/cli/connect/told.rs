//! What `connect` says: what would be written, what was, or why not.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::clients::ClientKind;
use super::language::Unfit;
use super::{CliError, ConnectArgs};
use crate::cli::output::{self, Format};

/// What becomes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It is made.
    Create,
    /// The entry comes to what is there.
    Add,
    /// An entry of ours becomes this one.
    Replace,
    /// An entry that is not ours would be lost.
    Overwrite,
    /// Everything is there already.
    Nothing,
    /// It cannot be changed, for this reason.
    Impossible(String),
    /// It is what it was before the last write.
    Restored,
    /// It is gone again, as before the first write.
    Removed,
}

/// What is said in the end.
pub(super) struct Report<'a> {
    args: &'a ConnectArgs,
    path: &'a Path,
    snippet: String,
    /// What becomes of the file.
    pub(super) change: Change,
    /// What it said before.
    pub(super) backup: Option<PathBuf>,
}

impl<'a> Report<'a> {
    /// What is said of this file, into which this snippet belongs.
    pub(super) fn of(args: &'a ConnectArgs, path: &'a Path, snippet: String) -> Self {
        Self {
            args,
            path,
            snippet,
            change: Change::Nothing,
            backup: None,
        }
    }

    /// Prints it.
    pub(super) fn print(&self, format: Format) -> Result<(), CliError> {
        let value = json!({
            "client": self.args.client.title(),
            "file": self.path,
            "change": self.change.as_str(),
            "written": self.is_written(),
            "backup": self.backup,
            "snippet": self.snippet,
        });
        output::print(format, &value, || self.text())
    }

    /// Why the file is not touched: it cannot be read, or not changed in this place alone.
    pub(super) fn unfit(&self, unfit: &Unfit) -> CliError {
        CliError::Config(format!(
            "`{}` is left as it is: {unfit}\n  hint: put this into it by hand\n\n{}",
            self.path.display(),
            self.snippet.trim_end()
        ))
    }

    /// Why the entry is not written: another one has its name.
    pub(super) fn taken(&self) -> CliError {
        CliError::Config(format!(
            "`{}` has {} that was not written by connect\n  hint: {}replace it with --force",
            self.path.display(),
            self.subject(),
            if self.args.hook {
                ""
            } else {
                "choose another name with --name, or "
            }
        ))
    }

    /// Why nothing is put back: nothing is kept.
    pub(super) fn no_backup(&self) -> CliError {
        CliError::Config(format!(
            "there is no backup of `{}`\n  hint: rollback takes the flags with which the file was written",
            self.path.display()
        ))
    }

    /// Why nothing is put back: it would undo what somebody else did.
    pub(super) fn changed_since(&self, backup: &Path) -> CliError {
        CliError::Config(format!(
            "`{}` was changed since it was written; nothing is put back\n  hint: compare it with `{}` and change it by hand",
            self.path.display(),
            backup.display()
        ))
    }

    const fn is_written(&self) -> bool {
        self.backup.is_some()
    }

    /// What is in the file: an entry by name, or the hook.
    fn subject(&self) -> String {
        if self.args.hook {
            "a hook".to_owned()
        } else {
            format!("an entry `{}`", self.args.name)
        }
    }

    fn text(&self) -> String {
        let path = self.path.display();
        let backup = self.backup.as_deref().map(Path::display);
        let kept = backup.map_or_else(String::new, |backup| format!("\nbackup: {backup}"));
        match &self.change {
            Change::Nothing => format!("{path} says so already; nothing is changed"),
            Change::Restored => format!("{path} is what it was before the last write"),
            Change::Removed => format!("{path} is removed: it was not there before"),
            Change::Create | Change::Add | Change::Replace | Change::Overwrite
                if self.is_written() =>
            {
                format!("{path} is written{kept}\nnext: {}", self.afterwards())
            }
            Change::Impossible(why) => format!(
                "{path} cannot be written: {why}\nput this into it by hand\n\n{}",
                self.snippet
            ),
            Change::Create | Change::Add | Change::Replace | Change::Overwrite => format!(
                "{path} {}\n\n{}\nnothing is changed yet; --write does it",
                self.would(),
                self.snippet
            ),
        }
    }

    fn would(&self) -> String {
        match &self.change {
            Change::Create => "would be made, with".to_owned(),
            Change::Add => "would be changed; to what is there comes".to_owned(),
            Change::Replace => format!("would be changed; {} becomes", self.subject()),
            Change::Overwrite => format!(
                "has {} that was not written by connect; with --force it becomes",
                self.subject()
            ),
            Change::Nothing | Change::Impossible(_) | Change::Restored | Change::Removed => {
                String::new()
            }
        }
    }

    const fn afterwards(&self) -> &'static str {
        if self.args.hook {
            "start a new session of Claude Code, and see it with /hooks"
        } else {
            ClientKind::afterwards(self.args.client)
        }
    }
}

impl Change {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Overwrite => "overwrite",
            Self::Nothing => "none",
            Self::Impossible(_) => "impossible",
            Self::Restored => "restored",
            Self::Removed => "removed",
        }
    }
}
