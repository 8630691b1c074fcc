//! `totp enroll`, `confirm`, `remove`.

use std::io::{IsTerminal as _, Write as _};

use clap::{Args, Subcommand};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Map, Value, json};

use super::client::{Find, Gateway, finish};
use super::output::{self, Format, member};
use super::{CliError, Exit};

/// `policyguard totp`.
#[derive(Debug, Args)]
pub(super) struct TotpArgs {
    #[command(subcommand)]
    command: TotpCommand,
}

#[derive(Debug, Subcommand)]
enum TotpCommand {
    /// Make the secret behind a person's codes; it is printed once, with a QR code on a terminal
    #[command(
        after_help = "Example:\n  policyguard totp enroll alice\n  policyguard totp confirm alice 492039"
    )]
    Enroll {
        /// The person's id
        user: String,
        /// Your code of now, to replace your own secret that counts
        #[arg(long, value_name = "CODE")]
        totp: Option<String>,
    },
    /// Make the new secret count, by a code of it
    Confirm {
        /// The person's id
        user: String,
        /// The code that the app shows
        code: String,
    },
    /// Remove the secret behind a person's codes
    Remove {
        /// The person's id
        user: String,
        /// Your code of now, to remove your own secret
        #[arg(long, value_name = "CODE")]
        totp: Option<String>,
    },
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &TotpArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = act(&gateway, &args.command, format).await;
    finish(gateway, result).await
}

async fn act(gateway: &Gateway, command: &TotpCommand, format: Format) -> Result<Exit, CliError> {
    match command {
        TotpCommand::Enroll { user, totp } => {
            let answer = post(gateway, user, "", totp.as_deref()).await?;
            output::print(format, &answer, || shown(&answer))?;
            if format == Format::Table {
                let next = member(&answer, "message");
                writeln!(std::io::stderr(), "{}", output::plain(&next))?;
            }
        }
        TotpCommand::Confirm { user, code } => {
            let answer = post(gateway, user, "/confirm", Some(code)).await?;
            output::print(format, &answer, || member(&answer, "message"))?;
        }
        TotpCommand::Remove { user, totp } => {
            let answer = post(gateway, user, "/remove", totp.as_deref()).await?;
            output::print(format, &answer, || member(&answer, "message"))?;
        }
    }
    Ok(Exit::Ok)
}

async fn post(
    gateway: &Gateway,
    user: &str,
    what: &str,
    totp: Option<&str>,
) -> Result<Value, CliError> {
    let path = format!("/api/v1/users/{}/totp{what}", output::segment(user));
    let body = Map::from_iter(totp.map(|code| ("totp".to_owned(), json!(code))));
    gateway.post(&path, &Value::Object(body)).await?.success()
}

/// The address and the secret, and on a terminal the square that a camera reads.
fn shown(answer: &Value) -> String {
    let uri = member(answer, "uri");
    let square = if std::io::stdout().is_terminal() {
        square(&uri)
    } else {
        String::new()
    };
    format!("{square}{uri}\nsecret {}", member(answer, "secret"))
}

/// The QR code of a text, light on dark as terminals are; nothing if the text is too long for one.
fn square(text: &str) -> String {
    let Ok(code) = QrCode::new(text) else {
        return String::new();
    };
    let mut drawn = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    drawn.push('\n');
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_has_a_bright_margin_and_the_three_corners() {
        let drawn = square("otpauth://totp/policyguard:olga?secret=GEZDGNBVGY3TQOJQ");
        let lines: Vec<&str> = drawn.lines().collect();
        let width = lines[0].chars().count();
        assert!(lines[0].chars().all(|c| c == '█'), "{drawn}");
        assert!(lines.iter().all(|line| line.chars().count() == width));
        // Behind a margin of four modules: seven dark ones, which the terminal shows as its own background.
        assert!(lines[2].starts_with("████ ▄▄▄▄▄ █"), "{drawn}");
        assert!(lines[2].ends_with("█ ▄▄▄▄▄ ████"), "{drawn}");
    }
}
