//! The reference is made of the code: what `docs/reference` says of commands, settings, errors and tools is compared
//! with what they are. `UPDATE_CASES=1` writes it anew.

use std::fmt::Write as _;

use clap::{Arg, Command};
use policyguard::config::{SETTINGS, Setting};
use policyguard::domain::{Role, ToolClass};
use policyguard::policy::{Code, FindingCode};
use policyguard::tools::{CloudBackend, ToolBackend as _, ToolDefinition};
use policyguard::wire::ProblemCode;
use policyguard::{cli, governance};

use crate::support::golden::assert_golden;

/// A cell of a table, whatever stands in it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// What an argument is called: `--reason <REASON>`, `<FILE>`.
fn called(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let takes = argument.get_action().takes_values();
    let values: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
    let value = if takes {
        values.join(" ")
    } else {
        String::new()
    };
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let flags: Vec<String> = [short, long].into_iter().flatten().collect();
    let text = match (flags.is_empty(), value.is_empty()) {
        (true, _) => value,
        (false, true) => flags.join(", "),
        (false, false) => format!("{} {value}", flags.join(", ")),
    };
    format!("`{text}`")
}

fn about(argument: &Arg) -> String {
    let mut text = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let defaults: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        write!(text, " [default: {}]", defaults.join(", ")).unwrap();
    }
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    if !possible.is_empty() && argument.get_action().takes_values() {
        write!(text, " [{}]", possible.join(", ")).unwrap();
    }
    cell(&text)
}

fn arguments(page: &mut String, arguments: &[&Arg]) {
    if arguments.is_empty() {
        return;
    }
    page.push_str("\n| argument | meaning |\n|---|---|\n");
    for argument in arguments {
        writeln!(page, "| {} | {} |", called(argument), about(argument)).unwrap();
    }
}

/// A command and everything below it.
fn tell(page: &mut String, command: &Command, name: &str) {
    let text = command.get_long_about().or(command.get_about());
    let text = text.map(ToString::to_string).unwrap_or_default();
    write!(page, "\n## {name}\n\n{text}\n").unwrap();
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|one| !one.is_global_set() && !one.is_hide_set() && one.get_id() != "help")
        .collect();
    arguments(page, &own);
    if let Some(after) = command.get_after_help() {
        write!(page, "\n```text\n{after}\n```\n").unwrap();
    }
    for inner in command.get_subcommands() {
        if !inner.is_hide_set() && inner.get_name() != "help" {
            tell(page, inner, &format!("{name} {}", inner.get_name()));
        }
    }
}

#[test]
fn the_command_line_is_documented_as_it_is() {
    let grammar = cli::grammar();
    let mut page = "# Command line\n\nMade of the commands themselves; a test keeps it up to date. `policyguard man` prints the same as manual pages.\n".to_owned();
    let global: Vec<&Arg> = grammar
        .get_arguments()
        .filter(|one| one.is_global_set())
        .collect();
    page.push_str("\n## Flags of every command\n");
    arguments(&mut page, &global);
    tell(&mut page, &grammar, "policyguard");
    assert!(page.matches("\n## ").count() > 40, "commands were lost");
    assert_golden("docs/reference/cli.md", &page);
}

#[test]
fn the_settings_are_documented_as_they_are() {
    let mut page = "# Configuration\n\n\
        Made of the settings themselves; a test keeps it up to date. `policyguard init` writes them as a file.\n\n\
        A flag goes before the environment, that before the file `policyguard.yaml` (`--config`, `POLICYGUARD_CONFIG`). \
        A key with a dot is a section of the file: `server.port` is `server: { port: 8000 }`. \
        Every key has a variable, `POLICYGUARD__` and the key in capitals with `__` for the dot: `POLICYGUARD__SERVER__PORT`; \
        some have a shorter one besides. `policyguard config show --origin` says where each value comes from.\n\n\
        | key | default | variable, flag | meaning |\n|---|---|---|---|\n"
        .to_owned();
    for setting in SETTINGS {
        let Setting { variable, flag, .. } = setting;
        let also: Vec<String> = [variable, flag]
            .into_iter()
            .flatten()
            .map(|name| format!("`{name}`"))
            .collect();
        let default = match setting.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let (key, also, meaning) = (setting.key, also.join(", "), cell(setting.about));
        writeln!(page, "| `{key}` | {default} | {also} | {meaning} |").unwrap();
    }
    page.push_str(
        "\nCommands take the address of a gateway from `POLICYGUARD_URL` and their key from `POLICYGUARD_API_KEY`, which has no flag: others can see those. \
         What a collector of traces wants to be shown stands in `OTEL_EXPORTER_OTLP_HEADERS`, and in no setting for the same reason.\n",
    );
    assert_golden("docs/reference/configuration.md", &page);
}

#[test]
fn the_errors_are_documented_as_they_are() {
    let mut page = "# Codes\n\nMade of the lists themselves; a test keeps it up to date. Programs match on codes, never on words.\n\n\
        ## Denials and holds\n\nThe `code` of a decision that is no plain allow, over every door, in the trail and in `policy_violations_total`.\n\n\
        | code | meaning |\n|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        writeln!(page, "| `{}` | {} |", code.as_str(), cell(code.meaning())).unwrap();
    }
    page.push_str("\n## Problems over HTTP\n\nThe `code` of problem details (RFC 9457) that are no denial; `type` is `urn:policyguard:problem:` and the code.\n\n| code | status | meaning |\n|---|---|---|\n");
    for code in ProblemCode::ALL {
        let (name, status) = (code.as_str(), code.status());
        writeln!(page, "| `{name}` | {status} | {} |", cell(code.meaning())).unwrap();
    }
    page.push_str("\n## Findings in policies\n\nWhat `policyguard policy check` says; an error refuses the policy.\n\n| code | level | meaning |\n|---|---|---|\n");
    for code in FindingCode::ALL {
        let (name, level) = (code.as_str(), code.level().as_str());
        writeln!(page, "| {name} | {level} | {} |", cell(code.meaning())).unwrap();
    }
    page.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for exit in cli::Exit::ALL {
        writeln!(page, "| {} | {} |", *exit as u8, cell(exit.meaning())).unwrap();
    }
    assert_golden("docs/reference/errors.md", &page);
}

/// The properties of a tool's arguments: required ones as they are, others with `?`.
fn takes(tool: &ToolDefinition) -> String {
    let schema = &tool.facts.input_schema;
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let names = schema["properties"].as_object().into_iter().flatten();
    let shown = names.map(|(name, _)| {
        let optional = !required.iter().any(|one| one == name);
        format!("`{name}`{}", if optional { "?" } else { "" })
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn roles(tool: &ToolDefinition) -> String {
    let has = |role: &&Role| tool.facts.needs.has(**role);
    let names: Vec<&str> = Role::ALL
        .iter()
        .filter(has)
        .map(|role| role.as_str())
        .collect();
    names.join(", ")
}

fn tools(page: &mut String, tools: &[ToolDefinition]) {
    page.push_str("\n| tool | takes | does | role | where |\n|---|---|---|---|---|\n");
    for tool in tools {
        let class = match tool.facts.class {
            ToolClass::Read => "reads",
            ToolClass::Modify => "changes",
            ToolClass::Destructive => "destroys",
        };
        let place = if tool.rest_only { "REST" } else { "REST, MCP" };
        let about = cell(tool.description);
        let (name, takes, roles) = (&tool.facts.name, takes(tool), roles(tool));
        writeln!(
            page,
            "| `{name}` | {takes} | {class}. {about} | {roles} | {place} |"
        )
        .unwrap();
    }
}

#[test]
fn the_tools_are_documented_as_they_are() {
    let mut page = "# Tools\n\nMade of the catalogue itself; a test keeps it up to date. A `?` marks an argument that may be left out; \
        where no role stands, any caller may ask, and the policy decides. [rest.md](rest.md) has the routes.\n\n## The gateway's own\n"
        .to_owned();
    let mut own = governance::definitions();
    own.sort_by(|a, b| a.facts.name.cmp(&b.facts.name));
    tools(&mut page, &own);
    page.push_str("\n## The simulated cloud\n");
    tools(&mut page, &CloudBackend::new(None).unwrap().definitions());
    assert_golden("docs/reference/tools.md", &page);
}
