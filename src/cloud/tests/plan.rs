//! The figures of dry runs.

use serde_json::json;

use super::*;
use crate::cloud::{Plan, plan};

fn planned(state: &State, tool: &str, arguments: Value) -> Plan {
    plan(state, &operation(tool, arguments))
}

#[test]
fn a_restart_takes_fifteen_seconds_of_the_users_of_the_service() {
    for (service, users) in [
        ("web-server", 5000),
        ("api-gateway", 3000),
        ("database", 10_000),
        ("cache", 2000),
        ("load-balancer", 8000),
        ("ghost", 1000),
    ] {
        let arguments = json!({ "service_name": service });
        let plan = json!(planned(&State::default(), "restart_service", arguments));
        assert_eq!(
            plan["impact"],
            json!({ "estimated_downtime_seconds": 15, "affected_users_estimate": users }),
            "{service}"
        );
        assert_eq!(plan["reversible"], json!(false));
        assert_eq!(plan.get("undo"), None);
    }
}

#[test]
fn a_restart_is_a_medium_risk_only_for_an_unhealthy_service() {
    for (health, risk) in [
        ("healthy", "low"),
        ("degraded", "medium"),
        ("critical", "medium"),
    ] {
        let state = with_health("cache", health);
        let plan = json!(planned(
            &state,
            "restart_service",
            json!({ "service_name": "cache" })
        ));
        assert_eq!(plan["risk"], json!(risk), "{health}");
        assert_eq!(
            plan["current_state"],
            json!({ "service": "cache", "health": health })
        );
        assert_eq!(
            plan["predicted_state"],
            json!({ "service": "cache", "health": "healthy" })
        );
        assert_eq!(
            plan["warnings"].as_array().unwrap().is_empty(),
            health != "healthy"
        );
    }
}

#[test]
fn scaling_costs_ten_cents_an_instance_hour_and_is_undone_by_scaling_back() {
    for (count, usd, risk) in [
        (4, 73.0, "low"),
        (8, 365.0, "low"),
        (9, 438.0, "medium"),
        (100, 7081.0, "medium"),
        (3, 0.0, "low"),
        (1, -146.0, "low"),
    ] {
        let plan = json!(planned(
            &State::default(),
            "scale_fleet",
            json!({ "count": count })
        ));
        assert_eq!(
            plan["impact"],
            json!({
                "estimated_downtime_seconds": 0, "affected_users_estimate": 0,
                "monthly_cost_change_usd": usd,
            }),
            "{count}"
        );
        assert_eq!(plan["risk"], json!(risk), "{count}");
        assert_eq!(plan["reversible"], json!(true));
        assert_eq!(
            plan["undo"],
            json!({ "tool_name": "scale_fleet", "arguments": { "count": 3 } })
        );
        assert_eq!(plan["predicted_state"], json!({ "fleet_size": count }));
    }
}

#[test]
fn scaling_far_down_is_as_risky_as_scaling_far_up() {
    let state = changed(&State::default(), "scale_fleet", json!({ "count": 20 }));
    let plan = json!(planned(&state, "scale_fleet", json!({ "count": 14 })));
    assert_eq!(plan["risk"], json!("medium"));
    assert_eq!(
        plan["warnings"],
        json!(["14 instances would carry the load of 20"])
    );
}

#[test]
fn a_deletion_is_critical_whether_or_not_there_is_such_a_database() {
    for (database, warning) in [
        (
            "users",
            "what was written to 'users' after 'bak_000001' is lost",
        ),
        ("ghost", "Database 'ghost' not found"),
    ] {
        let arguments = json!({ "db_name": database });
        let plan = json!(planned(&State::default(), "delete_database", arguments));
        assert_eq!(plan["risk"], json!("critical"));
        assert_eq!(plan["reversible"], json!(false));
        assert_eq!(plan["warnings"], json!([warning]));
    }
}

#[test]
fn a_deployment_is_reversible_once_a_version_before_it_is_known() {
    let next = || json!({ "app_name": "shop", "version": "2.0" });
    let plan = planned(&State::default(), "deploy_application", next());
    assert_eq!((plan.reversible, plan.undo), (false, None));

    let first = json!({ "app_name": "shop", "version": "1.0" });
    let state = changed(&State::default(), "deploy_application", first.clone());
    let plan = json!(planned(&state, "deploy_application", next()));
    assert_eq!(plan["reversible"], json!(true));
    assert_eq!(
        plan["undo"],
        json!({ "tool_name": "deploy_application", "arguments": first })
    );
}

#[test]
fn a_backup_is_a_low_risk_and_a_restore_a_high_one() {
    let users = || json!({ "db_name": "users" });
    let backup = json!(planned(&State::default(), "backup_database", users()));
    assert_eq!(backup["risk"], json!("low"));
    assert_eq!(
        backup["predicted_state"]["latest_backup"],
        json!("bak_000003")
    );
    let restore = json!(planned(&State::default(), "restore_database", users()));
    assert_eq!(restore["risk"], json!("high"));
    assert_eq!(restore["reversible"], json!(false));
}

#[test]
fn a_plan_comes_true_when_the_call_is_made() {
    let state = with_health("cache", "critical");
    let predicted = planned(
        &state,
        "restart_service",
        json!({ "service_name": "cache" }),
    );
    let next = changed(
        &state,
        "restart_service",
        json!({ "service_name": "cache" }),
    );
    assert_eq!(
        predicted.predicted_state["health"],
        json!(next.health_of("cache"))
    );

    let predicted = planned(&state, "backup_database", json!({ "db_name": "orders" }));
    let next = changed(&state, "backup_database", json!({ "db_name": "orders" }));
    let latest = next.backup_of("orders").map(|backup| &backup.id);
    assert_eq!(predicted.predicted_state["latest_backup"], json!(latest));
}

#[test]
fn an_undo_is_a_call_that_the_tool_understands() {
    let state = changed(&State::default(), "scale_fleet", json!({ "count": 7 }));
    let undo = planned(&state, "scale_fleet", json!({ "count": 9 }))
        .undo
        .unwrap();
    let back = Operation::parse(undo.tool_name, &undo.arguments);
    assert_eq!(back, Ok(Operation::ScaleFleet { count: 7 }));
}

#[test]
fn reads_carry_no_risk() {
    for tool in ["list_services", "get_service_status", "read_logs"] {
        let plan = json!(planned(&State::default(), tool, json!({})));
        assert_eq!(plan["risk"], json!("none"), "{tool}");
        assert_eq!(plan["impact"]["estimated_downtime_seconds"], json!(0));
        assert_eq!(plan["warnings"], json!([]));
    }
}

#[test]
fn a_plan_has_exactly_the_fields_that_are_promised() {
    let plan = json!(planned(
        &State::default(),
        "scale_fleet",
        json!({ "count": 4 })
    ));
    let fields: Vec<&String> = plan.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "action",
            "target",
            "current_state",
            "predicted_state",
            "reversible",
            "undo",
            "risk",
            "impact",
            "alternatives",
            "warnings",
        ]
    );
}
