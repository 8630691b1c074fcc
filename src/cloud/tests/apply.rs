//! What each tool answers, and what it leaves behind.

use serde_json::json;

use super::*;
use crate::domain::Health;

#[test]
fn the_first_day_has_five_healthy_services_three_instances_and_two_databases() {
    let state = State::default();
    let names: Vec<&str> = state
        .services()
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "web-server",
            "api-gateway",
            "database",
            "cache",
            "load-balancer"
        ]
    );
    assert!(
        state
            .services()
            .iter()
            .all(|service| service.health == Health::Healthy)
    );
    assert_eq!(state.fleet_size(), 3);
    assert_eq!(state.databases(), ["users", "orders"]);
    assert_eq!(state.recent_actions().count(), 0);
    assert_eq!(state.revision(), 0);
}

#[test]
fn list_services_gives_names_and_health_in_state_order() {
    check(
        &with_health("cache", "degraded"),
        "list_services",
        json!({}),
        json!({
            "services": [
                { "name": "web-server", "health": "healthy" },
                { "name": "api-gateway", "health": "healthy" },
                { "name": "database", "health": "healthy" },
                { "name": "cache", "health": "degraded" },
                { "name": "load-balancer", "health": "healthy" },
            ],
            "count": 5,
        }),
    );
}

#[test]
fn status_of_one_service_says_whether_it_is_healthy() {
    let state = with_health("database", "critical");
    check(
        &state,
        "get_service_status",
        json!({ "service_name": "database" }),
        json!({ "service": "database", "health": "critical", "is_healthy": false }),
    );
    check(
        &state,
        "get_service_status",
        json!({ "service_name": "cache" }),
        json!({ "service": "cache", "health": "healthy", "is_healthy": true }),
    );
}

#[test]
fn status_of_all_names_the_unhealthy_ones() {
    let health = |cache: &str| {
        json!({
            "web-server": "healthy", "api-gateway": "healthy", "database": "healthy",
            "cache": cache, "load-balancer": "healthy",
        })
    };
    check(
        &with_health("cache", "critical"),
        "get_service_status",
        json!({}),
        json!({
            "services": health("critical"), "fleet_size": 3,
            "unhealthy_services": ["cache"], "all_healthy": false,
        }),
    );
    check(
        &State::default(),
        "get_service_status",
        json!({}),
        json!({
            "services": health("healthy"), "fleet_size": 3,
            "unhealthy_services": [], "all_healthy": true,
        }),
    );
}

#[test]
fn logs_have_one_line_for_each_service_by_its_health() {
    let state = with_health("api-gateway", "degraded");
    let report = simulate_incident(&state, "cache", None, &actor(), now()).unwrap();
    check(
        &report.next.unwrap(),
        "read_logs",
        json!({}),
        json!({
            "log_lines": [
                "[INFO] web-server: operating normally",
                "[WARN] api-gateway: performance degraded",
                "[INFO] database: operating normally",
                "[ERROR] cache: critical issues detected",
                "[INFO] load-balancer: operating normally",
            ],
            "total_available": 5,
        }),
    );
}

#[test]
fn the_limit_of_lines_cuts_lines_but_not_their_count() {
    check(
        &State::default(),
        "read_logs",
        json!({ "lines": 2 }),
        json!({
            "log_lines": [
                "[INFO] web-server: operating normally",
                "[INFO] api-gateway: operating normally",
            ],
            "total_available": 5,
        }),
    );
    check(
        &State::default(),
        "read_logs",
        json!({ "service_name": "cache", "lines": 1000 }),
        json!({ "log_lines": ["[INFO] cache: operating normally"], "total_available": 1 }),
    );
}

#[test]
fn a_restart_heals_and_leaves_its_entry() {
    let state = with_health("web-server", "critical");
    let arguments = json!({ "service_name": "web-server" });
    check(
        &state,
        "restart_service",
        arguments.clone(),
        json!({
            "status": "success", "service": "web-server", "action": "restart",
            "old_health": "critical", "new_health": "healthy",
            "message": "Service 'web-server' successfully restarted",
        }),
    );
    let report = run(&state, "restart_service", arguments);
    assert_eq!(
        json!(report.entry()),
        json!({
            "timestamp": NOW, "action": "restart_service",
            "details": { "service_name": "web-server" },
            "agent_id": "agent-1", "action_id": "act_000000000007",
            "health_change": {
                "service": "web-server", "old_status": "critical", "new_status": "healthy",
            },
        })
    );
    let next = report.next.unwrap();
    assert_eq!(next.health_of("web-server"), Some(Health::Healthy));
    assert_eq!(
        state.health_of("web-server"),
        Some(Health::Critical),
        "the given state stays"
    );
}

#[test]
fn scaling_says_from_what_to_what() {
    let state = changed(&State::default(), "scale_fleet", json!({ "count": 10 }));
    check(
        &state,
        "scale_fleet",
        json!({ "count": 4 }),
        json!({
            "status": "success", "action": "scale", "old_size": 10, "new_size": 4, "change": -6,
            "message": "Fleet scaled from 10 to 4 instances",
        }),
    );
    assert_eq!(state.fleet_size(), 10);
    let entry = json!(state.recent_actions().next_back());
    assert_eq!(entry["details"], json!({ "old_size": 3, "new_size": 10 }));
    assert_eq!(entry.get("health_change"), None);
}

#[test]
fn a_deployment_is_remembered_with_its_version() {
    let first = json!({ "app_name": "shop", "version": "1.0" });
    let state = changed(&State::default(), "deploy_application", first);
    check(
        &state,
        "deploy_application",
        json!({ "app_name": "shop", "version": "2.0" }),
        json!({
            "status": "success", "app_name": "shop", "version": "2.0",
            "message": "Application 'shop' deployed in version '2.0'",
        }),
    );
    assert_eq!(state.version_of("shop"), Some("1.0"));
}

#[test]
fn a_deleted_database_comes_back_from_its_latest_backup() {
    let users = || json!({ "db_name": "users" });
    let state = State::default();
    check(
        &state,
        "backup_database",
        users(),
        json!({
            "status": "success", "db_name": "users", "backup_id": "bak_000003",
            "message": "Database 'users' backed up as 'bak_000003'",
        }),
    );
    let state = changed(&state, "backup_database", users());
    check(
        &state,
        "delete_database",
        users(),
        json!({
            "status": "success", "db_name": "users", "message": "Database 'users' deleted",
            "remaining_databases": ["orders"],
        }),
    );
    let state = changed(&state, "delete_database", users());
    assert_eq!(state.databases(), ["orders"]);
    check(
        &state,
        "restore_database",
        users(),
        json!({
            "status": "success", "db_name": "users", "backup_id": "bak_000003",
            "message": "Database 'users' restored from backup 'bak_000003'",
        }),
    );
    let state = changed(&state, "restore_database", users());
    assert_eq!(state.databases(), ["orders", "users"]);
}

#[test]
fn an_unknown_service_fails_the_call_and_lists_the_known_ones() {
    for tool in ["get_service_status", "read_logs", "restart_service"] {
        let report = run(&State::default(), tool, json!({ "service_name": "ghost" }));
        assert_eq!(
            report.error.as_deref(),
            Some("Service 'ghost' not found"),
            "{tool}"
        );
        assert_eq!(
            report.result,
            json!({
                "success": false, "error": "Service 'ghost' not found",
                "available_services":
                    ["web-server", "api-gateway", "database", "cache", "load-balancer"],
                "timestamp": NOW,
            }),
        );
        assert_eq!(report.next, None, "{tool} changed something");
    }
}

#[test]
fn an_unknown_database_fails_the_call_and_lists_the_known_ones() {
    for tool in ["backup_database", "restore_database", "delete_database"] {
        let report = run(&State::default(), tool, json!({ "db_name": "ghost" }));
        assert_eq!(
            report.error.as_deref(),
            Some("Database 'ghost' not found"),
            "{tool}"
        );
        assert_eq!(
            report.result["available_databases"],
            json!(["users", "orders"])
        );
        assert_eq!(report.next, None, "{tool} changed something");
    }
}

#[test]
fn reads_change_nothing_and_every_change_counts_the_revision_up() {
    let state = State::default();
    for tool in ["list_services", "get_service_status", "read_logs"] {
        assert_eq!(run(&state, tool, json!({})).next, None, "{tool}");
    }
    let state = changed(&state, "scale_fleet", json!({ "count": 3 }));
    assert_eq!(state.revision(), 1, "to the same size is an action too");
    let state = changed(
        &state,
        "restart_service",
        json!({ "service_name": "cache" }),
    );
    assert_eq!(state.revision(), 2);
    let reset = state.reset();
    assert_eq!(reset.revision(), 3);
    assert_eq!(reset.recent_actions().count(), 0);
}

#[test]
fn a_hundred_actions_are_remembered_and_ten_are_shown() {
    let mut state = State::default();
    for count in 1..=100 {
        state = changed(&state, "scale_fleet", json!({ "count": count }));
    }
    state = changed(&state, "scale_fleet", json!({ "count": 42 }));
    assert_eq!(state.recent_actions().count(), 100);
    let oldest = state.recent_actions().next().unwrap();
    assert_eq!(oldest.details["new_size"], json!(2));

    let view = state.status_view();
    assert_eq!(view["services"]["cache"], json!("healthy"));
    assert_eq!(view["fleet_size"], json!(42));
    let shown = view["recent_actions"].as_array().unwrap();
    assert_eq!(shown.len(), 10);
    assert_eq!(
        shown[9]["details"]["new_size"],
        json!(42),
        "the newest is last"
    );
    assert_eq!(shown[0]["details"]["new_size"], json!(92));
}

#[test]
fn invented_applications_do_not_make_the_state_grow() {
    let mut state = State::default();
    for number in 0..150 {
        let arguments = json!({ "app_name": format!("app-{number}"), "version": "1" });
        state = changed(&state, "deploy_application", arguments);
    }
    assert_eq!(state.applications.len(), 100);
    assert_eq!(state.version_of("app-49"), None);
    assert_eq!(state.version_of("app-149"), Some("1"));
}

#[test]
fn status_calls_and_restarts_show_health_and_lists_do_not() {
    let state = with_health("cache", "degraded");
    let all = run(&state, "get_service_status", json!({})).observed;
    assert_eq!(all.len(), 5);
    assert!(all.contains(&("cache".to_owned(), Health::Degraded)));

    let cache = || json!({ "service_name": "cache" });
    let one = run(&state, "get_service_status", cache()).observed;
    assert_eq!(one, [("cache".to_owned(), Health::Degraded)]);
    let restarted = run(&state, "restart_service", cache()).observed;
    assert_eq!(restarted, [("cache".to_owned(), Health::Healthy)]);

    assert_eq!(run(&state, "list_services", json!({})).observed, []);
    assert_eq!(run(&state, "read_logs", cache()).observed, []);
    let ghost = run(
        &state,
        "get_service_status",
        json!({ "service_name": "ghost" }),
    );
    assert_eq!(ghost.observed, []);
}

#[test]
fn the_stored_state_reads_back_as_it_was() {
    let state = with_health("cache", "degraded");
    let arguments = json!({ "app_name": "shop", "version": "1.0" });
    let state = changed(&state, "deploy_application", arguments);
    let stored = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&stored).unwrap(), state);
}
