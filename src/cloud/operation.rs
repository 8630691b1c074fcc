//! What can be asked of the cloud: one variant for each tool, its arguments already understood.

use serde_json::{Map, Value};

/// The longest name of a service or a database.
pub(super) const NAME_LENGTH: usize = 64;
/// The longest name of an application, and the longest version.
pub(super) const LABEL_LENGTH: usize = 128;
/// How many log lines are given when nobody says.
pub(super) const DEFAULT_LINES: u16 = 10;
/// The most log lines that can be asked for.
pub(super) const MOST_LINES: u16 = 1000;
/// The largest fleet.
pub(super) const LARGEST_FLEET: u16 = 100;

/// Why a call is not an operation of the cloud.
///
/// The arguments were checked by the tool's schema before; this is the second lock on the same door,
/// and where a JSON value becomes a type that cannot be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The cloud has no such tool.
    #[error("`{0}` is not a tool of the simulated cloud")]
    Tool(String),
    /// A required argument was left out.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// An argument that the tool does not have.
    #[error("`{argument}` is not an argument of {tool}")]
    Unknown {
        /// The tool.
        tool: &'static str,
        /// What was given.
        argument: String,
    },
    /// An argument of another form.
    #[error("`{argument}` must be {expected}")]
    Form {
        /// Which.
        argument: &'static str,
        /// What it should be.
        expected: String,
    },
}

/// A call of one of the cloud's tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `list_services`
    ListServices,
    /// `get_service_status`
    GetServiceStatus {
        /// One service, or all.
        service: Option<String>,
    },
    /// `read_logs`
    ReadLogs {
        /// At most so many.
        lines: u16,
        /// Of one service, or of all.
        service: Option<String>,
    },
    /// `restart_service`
    RestartService {
        /// Which.
        service: String,
    },
    /// `scale_fleet`
    ScaleFleet {
        /// To how many instances.
        count: u16,
    },
    /// `deploy_application`
    DeployApplication {
        /// Which.
        application: String,
        /// In which version.
        version: String,
    },
    /// `backup_database`
    BackupDatabase {
        /// Which.
        database: String,
    },
    /// `restore_database`
    RestoreDatabase {
        /// Which.
        database: String,
    },
    /// `delete_database`
    DeleteDatabase {
        /// Which.
        database: String,
    },
}

impl Operation {
    /// Understands a call; a default is filled in where the tool has one.
    ///
    /// # Errors
    /// When there is no such tool, or the arguments do not fit it.
    pub fn parse(tool: &str, arguments: &Map<String, Value>) -> Result<Self, OperationError> {
        let operation = match tool {
            "list_services" => Self::ListServices,
            "get_service_status" => Self::GetServiceStatus {
                service: optional(arguments, "service_name", NAME_LENGTH)?,
            },
            "read_logs" => Self::ReadLogs {
                lines: number(arguments, "lines", MOST_LINES)?.unwrap_or(DEFAULT_LINES),
                service: optional(arguments, "service_name", NAME_LENGTH)?,
            },
            "restart_service" => Self::RestartService {
                service: required(arguments, "service_name", NAME_LENGTH)?,
            },
            "scale_fleet" => Self::ScaleFleet {
                count: number(arguments, "count", LARGEST_FLEET)?
                    .ok_or(OperationError::Missing("count"))?,
            },
            "deploy_application" => Self::DeployApplication {
                application: label(arguments, "app_name")?,
                version: label(arguments, "version")?,
            },
            "backup_database" => Self::BackupDatabase {
                database: required(arguments, "db_name", NAME_LENGTH)?,
            },
            "restore_database" => Self::RestoreDatabase {
                database: required(arguments, "db_name", NAME_LENGTH)?,
            },
            "delete_database" => Self::DeleteDatabase {
                database: required(arguments, "db_name", NAME_LENGTH)?,
            },
            other => return Err(OperationError::Tool(other.to_owned())),
        };
        operation.refuse_others(arguments)?;
        Ok(operation)
    }

    /// The tool's name.
    #[must_use]
    pub const fn tool(&self) -> &'static str {
        match self {
            Self::ListServices => "list_services",
            Self::GetServiceStatus { .. } => "get_service_status",
            Self::ReadLogs { .. } => "read_logs",
            Self::RestartService { .. } => "restart_service",
            Self::ScaleFleet { .. } => "scale_fleet",
            Self::DeployApplication { .. } => "deploy_application",
            Self::BackupDatabase { .. } => "backup_database",
            Self::RestoreDatabase { .. } => "restore_database",
            Self::DeleteDatabase { .. } => "delete_database",
        }
    }

    /// The names of the tool's arguments.
    const fn arguments(&self) -> &'static [&'static str] {
        match self {
            Self::ListServices => &[],
            Self::GetServiceStatus { .. } | Self::RestartService { .. } => &["service_name"],
            Self::ReadLogs { .. } => &["lines", "service_name"],
            Self::ScaleFleet { .. } => &["count"],
            Self::DeployApplication { .. } => &["app_name", "version"],
            Self::BackupDatabase { .. }
            | Self::RestoreDatabase { .. }
            | Self::DeleteDatabase { .. } => &["db_name"],
        }
    }

    /// Refuses an argument that the tool does not have.
    fn refuse_others(&self, arguments: &Map<String, Value>) -> Result<(), OperationError> {
        let stranger = arguments
            .keys()
            .find(|name| !self.arguments().contains(&name.as_str()));
        stranger.map_or(Ok(()), |name| {
            Err(OperationError::Unknown {
                tool: self.tool(),
                argument: name.clone(),
            })
        })
    }
}

/// A text argument that may be left out.
fn optional(
    arguments: &Map<String, Value>,
    argument: &'static str,
    longest: usize,
) -> Result<Option<String>, OperationError> {
    match arguments.get(argument) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=longest).contains(&text.chars().count()) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(OperationError::Form {
            argument,
            expected: format!("a text of 1 to {longest} characters"),
        }),
    }
}

/// A text argument that must be there.
fn required(
    arguments: &Map<String, Value>,
    argument: &'static str,
    longest: usize,
) -> Result<String, OperationError> {
    optional(arguments, argument, longest)?.ok_or(OperationError::Missing(argument))
}

/// A text that the state keeps: `[A-Za-z0-9][A-Za-z0-9._+:@/-]*`, so that nothing invisible is shown to the next reader.
fn label(arguments: &Map<String, Value>, argument: &'static str) -> Result<String, OperationError> {
    let text = required(arguments, argument, LABEL_LENGTH)?;
    let first = text.bytes().next();
    let shape = first.is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+:@/-".contains(&byte));
    if shape {
        Ok(text)
    } else {
        Err(OperationError::Form {
            argument,
            expected: "letters, digits and . _ + : @ / -, a letter or digit first".to_owned(),
        })
    }
}

/// A whole number from 1 up; `5.0` is one, as JSON Schema has it, `2.5` and `"5"` are not.
fn number(
    arguments: &Map<String, Value>,
    argument: &'static str,
    largest: u16,
) -> Result<Option<u16>, OperationError> {
    let Some(value) = arguments.get(argument) else {
        return Ok(None);
    };
    let fault = || OperationError::Form {
        argument,
        expected: format!("a whole number from 1 to {largest}"),
    };
    let integer = value.as_u64().and_then(|given| u16::try_from(given).ok());
    let whole = integer.or_else(|| {
        let given = value.as_f64()?;
        (1..=largest).find(|&whole| f64::from(whole).total_cmp(&given).is_eq())
    });
    whole
        .filter(|whole| (1..=largest).contains(whole))
        .map(Some)
        .ok_or_else(fault)
}
