//! What the catalogue is told.

use jsonschema::Validator;
use serde_json::json;

use super::*;
use crate::cloud::{CloudTool, definitions};
use crate::domain::{Owner, Roles, ToolClass, check_run_name};

fn tool(name: &str) -> CloudTool {
    let found = definitions()
        .into_iter()
        .find(|tool| &*tool.facts.name == name);
    found.unwrap_or_else(|| panic!("no tool {name}"))
}

fn validator(tool: &CloudTool) -> Validator {
    jsonschema::validator_for(&tool.facts.input_schema).unwrap()
}

#[test]
fn nine_tools_have_their_class_and_hints() {
    let shown: Vec<_> = definitions()
        .iter()
        .map(|tool| {
            let hints = tool.facts.annotations;
            let set = [
                hints.read_only_hint,
                hints.destructive_hint,
                hints.idempotent_hint,
                hints.open_world_hint,
            ];
            (tool.facts.name.to_string(), tool.facts.class, set)
        })
        .collect();
    let read = [true, false, false, false];
    let restart = [false, false, true, false];
    let modify = [false; 4];
    let destroy = [false, true, false, false];
    let expected = [
        ("list_services", ToolClass::Read, read),
        ("get_service_status", ToolClass::Read, read),
        ("read_logs", ToolClass::Read, read),
        ("restart_service", ToolClass::Modify, restart),
        ("scale_fleet", ToolClass::Modify, modify),
        ("deploy_application", ToolClass::Modify, modify),
        ("backup_database", ToolClass::Modify, modify),
        ("restore_database", ToolClass::Modify, modify),
        ("delete_database", ToolClass::Destructive, destroy),
    ]
    .map(|(name, class, hints)| (name.to_owned(), class, hints));
    assert_eq!(shown, expected);
}

#[test]
fn every_tool_is_the_clouds_and_says_what_it_is_for() {
    for tool in definitions() {
        let facts = &tool.facts;
        assert_eq!(facts.owner, Owner::Cloud);
        assert_eq!(&*facts.server, "cloud");
        assert_eq!(facts.needs, Roles::NONE);
        assert!(!facts.safety && !facts.quarantined);
        assert!(check_run_name(&facts.name).is_ok());
        assert!(tool.description.contains("Call it"), "{}", facts.name);
        assert!(tool.description.contains("Answers {"), "{}", facts.name);
    }
}

#[test]
fn schemas_are_plain_objects_that_admit_nothing_else() {
    for tool in definitions() {
        let schema = &tool.facts.input_schema;
        let name = &tool.facts.name;
        assert_eq!(schema["type"], json!("object"), "{name}");
        assert_eq!(schema["additionalProperties"], json!(false), "{name}");
        assert_eq!(schema.get("$schema"), None, "{name}");
        for (argument, property) in schema["properties"].as_object().unwrap() {
            assert!(property["type"].is_string(), "{name}.{argument}");
            assert!(property["description"].is_string(), "{name}.{argument}");
        }
        assert!(!validator(&tool).is_valid(&json!({ "bogus": 1 })), "{name}");
    }
}

#[test]
fn schema_and_parser_agree_on_what_fits() {
    let long = "a".repeat(65);
    for (name, arguments) in [
        ("scale_fleet", json!({ "count": 0 })),
        ("scale_fleet", json!({ "count": 1 })),
        ("scale_fleet", json!({ "count": 100 })),
        ("scale_fleet", json!({ "count": 101 })),
        ("scale_fleet", json!({ "count": 2.5 })),
        ("scale_fleet", json!({ "count": 5.0 })),
        ("scale_fleet", json!({ "count": "5" })),
        ("scale_fleet", json!({ "count": null })),
        ("scale_fleet", json!({})),
        ("scale_fleet", json!({ "count": 5, "force": true })),
        ("read_logs", json!({})),
        ("read_logs", json!({ "lines": -1 })),
        ("read_logs", json!({ "lines": 1000 })),
        ("read_logs", json!({ "lines": 1001 })),
        ("read_logs", json!({ "service_name": null })),
        ("read_logs", json!({ "service_name": "cache", "lines": 3 })),
        ("restart_service", json!({})),
        ("restart_service", json!({ "service_name": "" })),
        ("restart_service", json!({ "service_name": "cache" })),
        ("restart_service", json!({ "service_name": "ä".repeat(64) })),
        ("restart_service", json!({ "service_name": long })),
        ("deploy_application", json!({ "app_name": "shop" })),
        (
            "deploy_application",
            json!({ "app_name": "shop", "version": "1.0" }),
        ),
        (
            "deploy_application",
            json!({ "app_name": "shop", "version": "1.0\n" }),
        ),
        (
            "deploy_application",
            json!({ "app_name": "shop", "version": "-1" }),
        ),
        (
            "deploy_application",
            json!({ "app_name": "a b", "version": "1" }),
        ),
        ("backup_database", json!({ "db_name": "users" })),
        ("backup_database", json!({ "db_name": ["users"] })),
        ("delete_database", json!({})),
        ("list_services", json!({})),
    ] {
        let by_schema = validator(&tool(name)).is_valid(&arguments);
        let by_parser = Operation::parse(name, &object(arguments.clone())).is_ok();
        assert_eq!(by_schema, by_parser, "{name} {arguments}");
    }
}

#[test]
fn the_limits_are_the_promised_ones() {
    let lines = &tool("read_logs").facts.input_schema["properties"]["lines"];
    assert_eq!(
        [&lines["minimum"], &lines["maximum"], &lines["default"]],
        [&json!(1), &json!(1000), &json!(10)]
    );
    let count = &tool("scale_fleet").facts.input_schema["properties"]["count"];
    assert_eq!(
        [&count["minimum"], &count["maximum"]],
        [&json!(1), &json!(100)]
    );
}
