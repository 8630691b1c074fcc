//! Which calls are understood, and which are refused although a schema should have stopped them.

use serde_json::json;

use super::*;
use crate::cloud::OperationError;

fn refused(tool: &str, arguments: &Value) -> OperationError {
    match Operation::parse(tool, &object(arguments.clone())) {
        Ok(operation) => panic!("{tool} {arguments} became {operation:?}"),
        Err(fault) => fault,
    }
}

#[test]
fn defaults_are_filled_in() {
    let logs = Operation::ReadLogs {
        lines: 10,
        service: None,
    };
    assert_eq!(operation("read_logs", json!({})), logs);
    let status = Operation::GetServiceStatus { service: None };
    assert_eq!(operation("get_service_status", json!({})), status);
}

#[test]
fn numbers_are_whole_and_within_their_range() {
    for count in [json!(1), json!(100), json!(5.0)] {
        operation("scale_fleet", json!({ "count": count }));
    }
    for count in [
        json!(0),
        json!(101),
        json!(-5),
        json!(2.5),
        json!("5"),
        json!(null),
        json!(true),
        json!([5]),
        json!(1e300),
        json!(u64::MAX),
        json!(65_541),
    ] {
        let fault = refused("scale_fleet", &json!({ "count": count })).to_string();
        assert_eq!(fault, "`count` must be a whole number from 1 to 100");
    }
    operation("read_logs", json!({ "lines": 1 }));
    operation("read_logs", json!({ "lines": 1000 }));
    for lines in [json!(-1), json!(0), json!(1001), json!("x")] {
        let fault = refused("read_logs", &json!({ "lines": lines })).to_string();
        assert_eq!(fault, "`lines` must be a whole number from 1 to 1000");
    }
}

#[test]
fn names_are_texts_of_a_length() {
    for name in [
        json!(""),
        json!("a".repeat(65)),
        json!(5),
        json!(null),
        json!(["cache"]),
    ] {
        let fault = refused("restart_service", &json!({ "service_name": name })).to_string();
        assert_eq!(fault, "`service_name` must be a text of 1 to 64 characters");
    }
    operation("restart_service", json!({ "service_name": "ä".repeat(64) }));
}

#[test]
fn what_the_state_keeps_holds_nothing_invisible() {
    for version in ["1.0\n", "1 0", "-1", "1\u{202e}", "1;rm", &"1".repeat(129)] {
        let arguments = json!({ "app_name": "shop", "version": version });
        let fault = refused("deploy_application", &arguments);
        assert!(
            matches!(
                fault,
                OperationError::Form {
                    argument: "version",
                    ..
                }
            ),
            "{version:?}"
        );
    }
    let digest = format!("sha256:{}", "a".repeat(64));
    operation(
        "deploy_application",
        json!({ "app_name": "team/shop", "version": digest }),
    );
}

#[test]
fn nothing_is_missing_and_nothing_is_ignored() {
    for (tool, missing) in [
        ("restart_service", "service_name"),
        ("scale_fleet", "count"),
        ("deploy_application", "app_name"),
        ("backup_database", "db_name"),
        ("restore_database", "db_name"),
        ("delete_database", "db_name"),
    ] {
        assert_eq!(refused(tool, &json!({})), OperationError::Missing(missing));
    }
    assert_eq!(
        refused("read_logs", &json!({ "bogus": 1 })).to_string(),
        "`bogus` is not an argument of read_logs"
    );
    assert_eq!(
        refused("drop_everything", &json!({})).to_string(),
        "`drop_everything` is not a tool of the simulated cloud"
    );
}
