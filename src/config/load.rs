//! The three layers: file, environment, flags. Every problem is reported at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::check::{ConfigError, check};
use super::near::suggestion;
use super::settings::{SETTINGS, Setting};
use super::telemetry::{self, HEADERS};
use super::typed::typed;
use super::{Config, Resolved, ValueOrigin};
use crate::domain::Secret;

/// The file that is read when nobody names one, if it is there.
const DEFAULT_FILE: &str = "policyguard.yaml";
/// Variables with our prefix that are no settings but known.
const OTHER_VARIABLES: [&str; 3] = ["POLICYGUARD_CONFIG", "POLICYGUARD_URL", API_KEY];
/// The key with which commands ask a gateway. There is no flag for it: others see those.
const API_KEY: &str = "POLICYGUARD_API_KEY";

/// What the command line said, by setting key.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// Values by setting key.
    pub values: BTreeMap<&'static str, String>,
}

/// The environment as the process sees it.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            // A value that is no text is noticed where it is used, instead of looking as if it were not set.
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        })
        .collect()
}

/// Loads the configuration of this process.
///
/// # Errors
/// Every value that does not fit, or why the start would be unsafe.
pub fn load(flags: &Flags) -> Result<Config, ConfigError> {
    resolve(flags, &environment())
}

/// Loads the configuration of a process that is started in a directory which others write: a file counts only if it
/// is named.
///
/// # Errors
/// Every value that does not fit, or why the start would be unsafe.
pub fn load_named(flags: &Flags) -> Result<Config, ConfigError> {
    layered(flags, &environment(), None)
}

/// Loads a configuration from these flags and this environment.
///
/// # Errors
/// Every value that does not fit, or why the start would be unsafe.
pub fn resolve(
    flags: &Flags,
    environment: &BTreeMap<String, String>,
) -> Result<Config, ConfigError> {
    layered(flags, environment, Some(Path::new(DEFAULT_FILE)))
}

/// The configuration of all layers; without a named file this one counts, if it is there.
fn layered(
    flags: &Flags,
    environment: &BTreeMap<String, String>,
    default_file: Option<&Path>,
) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let named = flags
        .config
        .clone()
        .or_else(|| environment.get("POLICYGUARD_CONFIG").map(PathBuf::from));
    let file = named.as_deref().or(default_file);
    let from_file = file.map_or_else(BTreeMap::new, |file| {
        super::file::read(file, named.is_some(), &mut problems)
    });
    check_environment(environment, &mut problems, &mut warnings);
    let layers = Layers {
        flags,
        environment,
        file: file.unwrap_or(Path::new(DEFAULT_FILE)),
        from_file: &from_file,
    };
    layers.settle(warnings, problems)
}

/// The configuration that these flags alone make, whatever files and environment say.
///
/// # Errors
/// Every value that does not fit, or why the start would be unsafe.
pub fn by_flags(flags: &Flags) -> Result<Config, ConfigError> {
    let layers = Layers {
        flags,
        environment: &BTreeMap::new(),
        file: Path::new(DEFAULT_FILE),
        from_file: &BTreeMap::new(),
    };
    layers.settle(Vec::new(), Vec::new())
}

/// Whether the environment asks for text without colours (`NO_COLOR`, or a terminal that knows none).
#[must_use]
pub fn plain_terminal() -> bool {
    let environment = environment();
    let set = |name: &str| environment.get(name).map_or("", String::as_str);
    !set("NO_COLOR").is_empty() || matches!(set("TERM"), "" | "dumb")
}

/// What was said, and where.
struct Layers<'a> {
    flags: &'a Flags,
    environment: &'a BTreeMap<String, String>,
    file: &'a Path,
    from_file: &'a BTreeMap<String, String>,
}

impl Layers<'_> {
    /// The configuration of the layers, unless they or what was found on the way do not fit.
    fn settle(
        &self,
        warnings: Vec<String>,
        mut problems: Vec<String>,
    ) -> Result<Config, ConfigError> {
        let resolved = SETTINGS.iter().map(|setting| self.value(setting)).collect();
        let mut config = typed(resolved, warnings, &mut problems);
        let key = self.environment.get(API_KEY).filter(|key| !key.is_empty());
        config.api_key = key.map(|key| Secret::new(key.trim().as_bytes().to_vec()));
        let headers = self.environment.get(HEADERS).map_or("", String::as_str);
        config.trace_headers = telemetry::headers(headers, &mut problems);
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }
        check(&config)?;
        Ok(config)
    }

    /// The value of the highest layer that has one.
    fn value(&self, setting: &Setting) -> Resolved {
        let (value, origin) = flag(setting, self.flags)
            .or_else(|| variable(setting, self.environment))
            .or_else(|| {
                let value = self.from_file.get(setting.key)?;
                Some((value.clone(), ValueOrigin::File(self.file.to_owned())))
            })
            .unwrap_or_else(|| (setting.default.to_owned(), ValueOrigin::Default));
        Resolved {
            key: setting.key,
            value,
            origin,
        }
    }
}

fn flag(setting: &Setting, flags: &Flags) -> Option<(String, ValueOrigin)> {
    let value = flags.values.get(setting.key)?;
    Some((
        value.clone(),
        ValueOrigin::Flag(setting.flag.unwrap_or("--")),
    ))
}

fn variable(
    setting: &Setting,
    environment: &BTreeMap<String, String>,
) -> Option<(String, ValueOrigin)> {
    let generic = setting.generic_variable();
    let names = [Some(generic.as_str()), setting.variable];
    names.into_iter().flatten().find_map(|name| {
        let value = environment.get(name)?;
        Some((value.clone(), ValueOrigin::Environment(name.to_owned())))
    })
}

/// Refuses `POLICYGUARD__…` that names no setting; warns once of other variables with our prefix, which
/// Kubernetes makes for a service of our name.
fn check_environment(
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
    warnings: &mut Vec<String>,
) {
    let generic: Vec<String> = SETTINGS.iter().map(Setting::generic_variable).collect();
    let named = |name: &str| {
        SETTINGS
            .iter()
            .any(|setting| setting.variable == Some(name))
            || OTHER_VARIABLES.contains(&name)
    };
    let mut ignored = Vec::new();
    for name in environment
        .keys()
        .filter(|name| name.starts_with("POLICYGUARD_"))
    {
        if name.starts_with("POLICYGUARD__") {
            if !generic.contains(name) {
                problems.push(format!(
                    "unknown setting `{name}`{}",
                    suggestion(name, generic.iter().map(String::as_str))
                ));
            }
        } else if !named(name) {
            ignored.push(name.as_str());
        }
    }
    if !ignored.is_empty() {
        warnings.push(format!(
            "ignored variables that are no settings: {}",
            ignored.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn flags_win_over_environment_over_file_over_default() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("policyguard.yaml");
        std::fs::write(
            &file,
            "server:\n  port: 1001\n  allowed_hosts: [a.example, b.example]\nlog:\n  level: warn\n",
        )
        .expect("written");
        let flags = Flags {
            config: Some(file),
            values: [("log.level", "debug".to_owned())].into(),
        };
        let config = resolve(
            &flags,
            &environment(&[("PORT", "1002"), ("LOG_LEVEL", "error")]),
        )
        .expect("fits");
        assert_eq!(
            (config.port, config.log_level.as_str(), config.host.as_str()),
            (1002, "debug", "127.0.0.1")
        );
        assert_eq!(config.allowed_hosts, ["a.example", "b.example"]);
        let config = resolve(
            &flags,
            &environment(&[("PORT", "1002"), ("POLICYGUARD__SERVER__PORT", "1003")]),
        )
        .expect("fits");
        assert_eq!(config.port, 1003);
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("c.yaml");
        std::fs::write(&file, "server:\n  prot: 1\nlog:\n  format: xml\n").expect("written");
        let flags = Flags {
            config: Some(file),
            ..Flags::default()
        };
        let given = environment(&[
            ("PORT", "tcp://10.0.0.1"),
            ("POLICYGUARD__AUHT", "x"),
            ("POLICYGUARD_PORT_8000_TCP", "y"),
        ]);
        let Err(ConfigError::Invalid(problems)) = resolve(&flags, &given) else {
            panic!("problems")
        };
        let all = problems.join("\n");
        for part in [
            "`server.prot`, did you mean `server.port`?",
            "`log.format` must be",
            "`server.port` must be",
            "`POLICYGUARD__AUHT`, did you mean `POLICYGUARD__AUTH`?",
        ] {
            assert!(all.contains(part), "{part} in\n{all}");
        }
        assert_eq!(problems.len(), 4);
    }

    #[test]
    fn an_open_bind_in_local_mode_is_unsafe_and_kubernetes_variables_are_not() {
        let open = resolve(&Flags::default(), &environment(&[("HOST", "0.0.0.0")]));
        assert!(matches!(open, Err(ConfigError::Unsafe(_))));
        let admin = [("POLICYGUARD__ADMIN__ADDR", "0.0.0.0:9000")];
        let open = resolve(&Flags::default(), &environment(&admin));
        assert!(matches!(open, Err(ConfigError::Unsafe(_))));
        let insecure = [admin[0], ("POLICYGUARD__INSECURE", "true")];
        let asking = resolve(&Flags::default(), &environment(&insecure)).expect("fits");
        assert_eq!(asking.auth, super::super::AuthMode::Credentials);
        let kube = resolve(
            &Flags::default(),
            &environment(&[("POLICYGUARD_PORT", "tcp://10.0.0.1:8000")]),
        )
        .expect("fits");
        assert_eq!(kube.warnings.len(), 1);
    }
}
