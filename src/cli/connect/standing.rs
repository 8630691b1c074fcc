//! Where the clients of this machine lead, as their files say it.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use serde_json::Value;

use super::NAME;
use super::clients::{ClientKind, Scope, address};
use super::file::ClientFile;

/// A client's file that has an entry of our name, or cannot be read.
pub(in crate::cli) struct Standing {
    /// The name under which people know the client.
    pub(in crate::cli) client: &'static str,
    /// What `connect` takes to write that file.
    pub(in crate::cli) arguments: String,
    /// Its file.
    pub(in crate::cli) file: PathBuf,
    /// Where its entry leads.
    pub(in crate::cli) leads: Leads,
}

/// Where an entry leads.
pub(in crate::cli) enum Leads {
    /// To this address.
    To(String),
    /// To a program that can be started.
    Through(String),
    /// To a program that is not there.
    Nowhere(String),
    /// The file cannot be read, for this reason.
    Unread(String),
}

/// The clients that know of us, in this directory and in the home.
pub(in crate::cli) fn standing() -> Vec<Standing> {
    let folders = [
        (Scope::Project, std::env::current_dir().ok()),
        (Scope::User, std::env::home_dir()),
    ];
    let mut found: Vec<Standing> = Vec::new();
    for (scope, folder) in folders {
        let Some(folder) = folder.filter(|folder| folder.is_absolute()) else {
            continue;
        };
        let clients = ClientKind::value_variants().iter();
        for one in clients.filter_map(|client| of(*client, scope, &folder)) {
            if found.iter().all(|known| known.file != one.file) {
                found.push(one);
            }
        }
    }
    found
}

fn of(client: ClientKind, scope: Scope, folder: &Path) -> Option<Standing> {
    let file = folder.join(client.file(scope)?);
    let read = ClientFile::open(&file).map_err(|fault| fault.to_string());
    let text = read
        .map(|file| file.text().map(str::to_owned))
        .transpose()?;
    let language = client.language();
    let document = text.and_then(|text| language.read(&text).map_err(|fault| fault.to_string()));
    let leads = match document {
        Err(why) => Leads::Unread(why),
        Ok(document) => leads(client.entry_in(&document, NAME)?),
    };
    let (name, reach) = (client.to_possible_value()?, scope.to_possible_value()?);
    Some(Standing {
        client: client.title(),
        arguments: format!("{} --scope {}", name.get_name(), reach.get_name()),
        file,
        leads,
    })
}

fn leads(entry: &Value) -> Leads {
    if let Some(url) = address(entry) {
        return Leads::To(url.to_owned());
    }
    let command = entry.get("command").and_then(Value::as_str);
    let command = command.unwrap_or_default().to_owned();
    // A bare name is sought in the client's PATH, which is not ours.
    if command.contains('/') && !Path::new(&command).exists() {
        Leads::Nowhere(command)
    } else {
        Leads::Through(command)
    }
}
