//! The configuration file as `policyguard init` writes it: every setting, commented out.

use std::fmt::Write as _;

use super::settings::{SETTINGS, Setting};

const HEAD: &str = "\
# Settings of policyguard. What is commented out holds as it stands there; take the # away to change it.
# A variable of the environment goes before this file, a flag before both: policyguard config show --origin
";

/// A file that names every setting, says what it means, and changes none.
#[must_use]
pub fn template() -> String {
    let mut text = HEAD.to_owned();
    let mut told: Vec<&str> = Vec::new();
    for setting in SETTINGS {
        let Some((section, _)) = setting.key.split_once('.') else {
            text.push('\n');
            tell(&mut text, setting, setting.key, "");
            continue;
        };
        if told.contains(&section) {
            continue;
        }
        told.push(section);
        // A string takes whatever is written to it.
        _ = write!(text, "\n{section}:\n");
        for setting in SETTINGS {
            match setting.key.split_once('.') {
                Some((of, name)) if of == section => tell(&mut text, setting, name, "  "),
                Some(_) | None => {}
            }
        }
    }
    text
}

fn tell(text: &mut String, setting: &Setting, name: &str, indent: &str) {
    let also: Vec<&str> = [setting.variable, setting.flag]
        .into_iter()
        .flatten()
        .collect();
    let also = match also.as_slice() {
        [] => String::new(),
        names => format!(" (also {})", names.join(", ")),
    };
    let value = match setting.default {
        "" => "\"\"",
        default => default,
    };
    _ = write!(
        text,
        "{indent}# {about}{also}\n{indent}#{name}: {value}\n",
        about = setting.about,
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Config, Flags, ValueOrigin, resolve};
    use super::*;

    fn with_file(text: &str) -> Config {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("policyguard.yaml");
        std::fs::write(&file, text).expect("a file");
        let flags = Flags {
            config: Some(file),
            values: BTreeMap::new(),
        };
        resolve(&flags, &BTreeMap::new()).expect("a configuration")
    }

    #[test]
    fn the_file_changes_nothing() {
        for setting in with_file(&template()).resolved {
            assert_eq!(setting.origin, ValueOrigin::Default, "{}", setting.key);
        }
    }

    #[test]
    fn every_line_that_is_opened_says_what_holds_anyway() {
        let opened: Vec<String> = template()
            .lines()
            .map(|line| match line.trim_start().strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => line.replacen('#', "", 1),
                Some(_) | None => line.to_owned(),
            })
            .collect();
        let config = with_file(&opened.join("\n"));
        assert_eq!(config.resolved.len(), SETTINGS.len());
        for setting in config.resolved {
            let default = SETTINGS.iter().find(|known| known.key == setting.key);
            assert_eq!(Some(&*setting.value), default.map(|known| known.default));
            assert!(
                matches!(setting.origin, ValueOrigin::File(_)),
                "{}",
                setting.key
            );
        }
    }
}
