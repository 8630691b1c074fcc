//! `auth: credentials`: every caller is who its credential says, and nobody else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use policyguard::app::{FirstKey, OpenError};
use policyguard::config::Config;
use policyguard::domain::Role;
use policyguard::identity::{Algorithm, Issuer, KeyPlace, NewKey, RoleClaim};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::House;
use crate::support::keyed::Keyed;
use crate::support::mcp::Client;

/// The record of the last attempt at this tool.
async fn last(admin: Keyed<'_>, tool: &str) -> Value {
    let path = format!("/api/v1/audit?view=records&kind=decision&tool={tool}");
    let page = admin.get(&path).await;
    assert_eq!(page.status, 200, "{:?}", page.body);
    page.body["entries"][0].clone()
}

#[tokio::test]
async fn without_a_credential_nothing_is_told_but_that_it_is_there() {
    let (house, _) = House::with_credentials().await;
    let nobody = house.showing("");
    for path in [
        "/livez",
        "/readyz",
        "/healthz",
        "/",
        "/.well-known/authzen-configuration",
    ] {
        assert_eq!(nobody.get(path).await.status, 200, "{path}");
    }
    assert_eq!(
        nobody.get("/readyz").await.body,
        json!({ "status": "ready" })
    );
    assert!(nobody.get("/").await.body.get("current_mode").is_none());
    for (method, path) in [
        ("GET", "/policy/status"),
        ("GET", "/tools/catalog"),
        ("POST", "/tools/execute"),
        ("POST", "/policy/set-mode"),
        ("GET", "/api/v1/keys"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/metrics"),
        ("POST", "/access/v1/evaluation"),
        ("POST", "/mcp"),
        ("GET", "/nowhere"),
    ] {
        let body = if method == "POST" {
            json!({})
        } else {
            Value::Null
        };
        let reply = nobody.send(method, path, &body).await;
        assert_eq!(reply.status, 401, "{method} {path}: {:?}", reply.body);
    }
}

#[tokio::test]
async fn a_refusal_says_where_to_learn_how_to_authenticate() {
    let (house, _) = House::with_credentials().await;
    for (path, credential, error) in [
        ("/policy/status", "", false),
        ("/mcp", "", false),
        ("/mcp", "pg_wrong", true),
        ("/tools/catalog", "pg_wrong", true),
    ] {
        let mut request = Request::builder()
            .method("POST")
            .uri(path)
            .header("host", "localhost");
        if !credential.is_empty() {
            request = request.header("x-api-key", credential);
        }
        let request = request
            .header("content-type", "application/json")
            .body(Body::from("{}"))
            .unwrap();
        let response = house.app.public_service().open(request).await;
        assert_eq!(response.status(), 401, "{path}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        let metadata = "resource_metadata=\"http://localhost/.well-known/oauth-protected-resource";
        assert!(challenge.contains(metadata), "{challenge}");
        assert_eq!(
            challenge.contains("error=\"invalid_token\""),
            error,
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn an_agents_key_stands_for_that_agent_at_every_door() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    let auditor = admin.adds("ann", &["auditor"]).await;
    let key = admin.makes(json!({ "agent_id": "etl-1" })).await;
    let agent = house.showing(&key);
    assert_eq!(
        agent.execute("list_services", json!({})).await["success"],
        json!(true)
    );
    let record = last(house.showing(&auditor), "list_services").await;
    assert_eq!(record["principal"]["agent_id"], "etl-1", "{record}");
    assert_eq!(record["principal"]["roles"], json!(["agent"]));
    assert_eq!(record["principal"]["credential_id"], json!(key[3..11]));
    assert_eq!(record["principal"]["trust"], "low");
    let said = agent.over_mcp().call("list_services", json!({})).await;
    assert_eq!(said.result()["isError"], json!(false), "{said:?}");
    let record = last(house.showing(&auditor), "list_services").await;
    assert_eq!(
        (&record["door"], &record["principal"]["agent_id"]),
        (&json!("mcp"), &json!("etl-1"))
    );
    // What it says of itself changes nothing.
    let body = json!({ "tool_name": "list_services", "agent_id": "etl-2" });
    assert_eq!(agent.post("/tools/execute", &body).await.status, 403);
    // Its first call made it known.
    let known = admin.get("/api/v1/agents/etl-1").await.body;
    assert_eq!(known["name"], "Auto-registered: etl-1");
    assert_eq!(known["trust_level"], "low");
}

#[tokio::test]
async fn no_key_of_an_agent_reaches_what_people_decide() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    for role in ["operator", "approver", "auditor", "admin"] {
        let body = json!({ "agent_id": "bot", "roles": ["agent", role] });
        let reply = admin.post("/api/v1/keys", &body).await;
        assert_eq!(reply.status, 400, "{role}: {:?}", reply.body);
    }
    let key = admin.makes(json!({ "agent_id": "bot" })).await;
    let agent = house.showing(&key);
    let raise = json!({ "name": "Bot", "trust_level": "admin" });
    for (method, path, body) in [
        (
            "POST",
            "/policy/set-mode",
            json!({ "mode": "EMERGENCY", "reason": "because I say so" }),
        ),
        ("PUT", "/api/v1/agents/bot", raise),
        ("PUT", "/api/v1/agents/other", json!({ "name": "Other" })),
        ("POST", "/api/v1/keys", json!({ "agent_id": "bot" })),
        ("PUT", "/api/v1/users/bob", json!({ "roles": ["admin"] })),
        (
            "POST",
            "/api/v1/lockdown",
            json!({ "on": true, "reason": "to be on the safe side" }),
        ),
        (
            "PUT",
            "/api/v1/policies/mine",
            json!({ "name": "Mine", "rules": [{ "condition": { "tool_pattern": "scale_*" }, "action": "deny" }] }),
        ),
    ] {
        let reply = agent.send(method, path, &body).await;
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (403, &json!("role_required")),
            "{method} {path}: {:?}",
            reply.body
        );
    }
    assert_eq!(
        house.showing(&key).get("/policy/status").await.body["current_mode"],
        "NORMAL"
    );
}

#[tokio::test]
async fn pep_and_catalog_keys_do_the_one_thing_that_they_are_for() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    admin
        .send("PUT", "/api/v1/agents/bot", &json!({ "name": "Bot" }))
        .await;
    let pep = admin
        .makes(json!({ "agent_id": "proxy", "roles": ["pep"] }))
        .await;
    let catalog = admin
        .makes(json!({ "agent_id": "kagent", "roles": ["catalog"] }))
        .await;
    let (pep, catalog) = (house.showing(&pep), house.showing(&catalog));
    let question = json!({
        "subject": { "type": "agent", "id": "bot" },
        "action": { "name": "tool_call" },
        "resource": { "type": "tool", "id": "list_services" },
    });
    let verdict = pep.post("/access/v1/evaluation", &question).await;
    assert_eq!(
        (verdict.status, &verdict.body["decision"]),
        (200, &json!(true)),
        "{:?}",
        verdict.body
    );
    for caller in [pep, catalog] {
        let answer = caller.execute("list_services", json!({})).await;
        assert_eq!(answer["code"], "role_required", "{answer}");
    }
    assert_eq!(
        catalog
            .post("/access/v1/evaluation", &question)
            .await
            .status,
        403
    );
    let shown = catalog.over_mcp().tools().await;
    assert!(
        shown.iter().any(|tool| tool == "delete_database"),
        "{shown:?}"
    );
    assert_eq!(pep.get("/api/v1/audit").await.status, 403);
}

/// The gateway, its catalogue's key taken from this file.
async fn with_catalog_key(file: &Path) -> (House, String, Result<(), OpenError>) {
    let file = file.to_owned();
    let configure = |config: &mut Config| config.catalog_key_file = Some(file);
    let (house, admin) = House::asking(configure).await;
    let taken = house.app.take_catalog_key(house.config()).await;
    (house, admin, taken)
}

fn write_key(file: &Path) -> String {
    let key = NewKey::random().unwrap().text;
    fs::write(file, format!("{key}\n")).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    key
}

#[tokio::test]
async fn the_catalogues_key_comes_from_a_file_and_ends_with_the_next_one() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("catalog-key");
    let first = write_key(&file);
    let (house, admin, taken) = with_catalog_key(&file).await;
    taken.unwrap();
    let catalog = house.showing(&first);
    let shown = catalog.over_mcp().tools().await;
    assert!(shown.iter().any(|tool| tool == "delete_database"));
    let answer = catalog.execute("list_services", json!({})).await;
    assert_eq!(answer["code"], "role_required", "{answer}");
    // A start with the same key changes nothing.
    let keys = || house.showing(&admin).get("/api/v1/keys");
    let before = keys().await.body["keys"].clone();
    house.app.take_catalog_key(house.config()).await.unwrap();
    let after = keys().await.body["keys"].clone();
    let ids = |keys: &Value| keys.as_array().map(Vec::len);
    assert_eq!((ids(&after), ids(&before)), (Some(2), Some(2)));

    let second = write_key(&file);
    house.app.take_catalog_key(house.config()).await.unwrap();
    assert_eq!(
        house.showing(&first).get("/tools/catalog").await.status,
        401
    );
    assert_eq!(
        house.showing(&second).get("/tools/catalog").await.status,
        200
    );
}

#[tokio::test]
async fn a_file_that_others_can_read_or_that_holds_no_key_gives_none() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("catalog-key");
    let key = write_key(&file);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let (house, _, taken) = with_catalog_key(&file).await;
    assert!(matches!(taken, Err(OpenError::Unsafe(why)) if why.contains("chmod 600")));
    assert_eq!(house.showing(&key).get("/tools/catalog").await.status, 401);
    fs::write(&file, "secret").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let taken = house.app.take_catalog_key(house.config()).await;
    assert!(matches!(taken, Err(OpenError::Unsafe(why)) if why.contains("does not hold a key")));
}

#[tokio::test]
async fn unknown_wrong_expired_and_revoked_keys_get_the_same_answer() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    let revoked = admin.makes(json!({ "agent_id": "a" })).await;
    let path = format!("/api/v1/keys/{}/revoke", &revoked[3..11]);
    assert_eq!(
        admin.post(&path, &json!({ "reason": "lost" })).await.status,
        200
    );
    let expired = admin
        .makes(json!({ "agent_id": "a", "expires_in": "1m" }))
        .await;
    assert_eq!(
        house.showing(&expired).get("/policy/status").await.status,
        200
    );
    house.clock.advance(Duration::from_mins(1));
    let unknown = policyguard::identity::NewKey::of([1; 8], [2; 32])
        .unwrap()
        .text;
    let other = policyguard::identity::NewKey::of([3; 8], [4; 32])
        .unwrap()
        .text;
    let good = admin.makes(json!({ "agent_id": "a" })).await;
    let wrong = format!("{}{}", &good[..12], &other[12..]);
    let mut answers = Vec::new();
    for key in [&revoked, &expired, &unknown, &wrong, &"pg_".to_owned()] {
        let reply = house.showing(key).get("/policy/status").await;
        let mut body = reply.body;
        body["request_id"].take();
        answers.push((reply.status, body));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:#?}"
    );
    assert_eq!(answers[0].0, 401);
    assert_eq!(house.showing(&good).get("/policy/status").await.status, 200);
}

#[tokio::test]
async fn a_rotated_key_holds_beside_its_successor_for_as_long_as_was_said() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    let old = admin.makes(json!({ "agent_id": "a" })).await;
    let path = format!("/api/v1/keys/{}/rotate", &old[3..11]);
    let reply = admin.post(&path, &json!({ "overlap": "1h" })).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let new = reply.body["key"].as_str().unwrap().to_owned();
    for key in [&old, &new] {
        assert_eq!(house.showing(key).get("/policy/status").await.status, 200);
    }
    house.clock.advance(Duration::from_hours(1));
    assert_eq!(house.showing(&old).get("/policy/status").await.status, 401);
    assert_eq!(house.showing(&new).get("/policy/status").await.status, 200);
    assert_eq!(
        admin.post(&path, &json!({})).await.status,
        409,
        "it is over"
    );
}

#[tokio::test]
async fn keys_and_people_are_there_after_a_restart_and_no_key_is_kept() {
    let (house, admin) = House::with_credentials().await;
    let key = house.showing(&admin).adds("ann", &["auditor"]).await;
    let house = house.restarted().await;
    assert_eq!(house.showing(&key).get("/api/v1/audit").await.status, 200);
    let page = house.showing(&key).get("/api/v1/keys").await.body;
    let keys = page["keys"].as_array().unwrap();
    assert!(
        keys.iter()
            .any(|key| key["user_id"] == "ann" && key["status"] == "active"),
        "{page}"
    );
    let secret = &key[12..];
    for file in std::fs::read_dir(house.data_dir()).unwrap() {
        let path = file.unwrap().path();
        // The socket cannot be read, nor need it be.
        let bytes = std::fs::read(&path).unwrap_or_default();
        let holds = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!holds, "{}", path.display());
    }
}

#[tokio::test]
async fn a_disabled_person_is_nobody() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    let key = admin.adds("olga", &["operator"]).await;
    assert_eq!(house.showing(&key).get("/policy/status").await.status, 200);
    admin
        .send(
            "PUT",
            "/api/v1/users/olga",
            &json!({ "status": "disabled" }),
        )
        .await;
    assert_eq!(house.showing(&key).get("/policy/status").await.status, 401);
    admin
        .send(
            "PUT",
            "/api/v1/users/olga",
            &json!({ "status": "active", "roles": ["auditor"] }),
        )
        .await;
    let reply = house
        .showing(&key)
        .post(
            "/policy/set-mode",
            &json!({ "mode": "EMERGENCY", "reason": "the cache is down" }),
        )
        .await;
    assert_eq!(reply.status, 403, "its roles are those that it has now");
}

#[tokio::test]
async fn the_first_administrators_key_ends_with_the_first_other_one() {
    let (house, first) = House::with_credentials().await;
    let first = house.showing(&first);
    let key = first.adds("root", &["admin"]).await;
    assert_eq!(first.get("/policy/status").await.status, 401);
    let again = house.app.first_key(house.config(), true).await.unwrap();
    assert_eq!(again, FirstKey::NotNeeded);
    let incidents = house.showing(&key).get("/api/v1/incidents").await.body;
    let told = incidents["incidents"].as_array().unwrap();
    assert!(
        told.iter().any(|one| one["severity"] == "low"
            && one["description"].as_str().unwrap().contains("admin")),
        "{incidents}"
    );
}

#[tokio::test]
async fn an_id_is_an_agents_or_a_persons_and_never_both() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    let put = |path: &'static str, body: Value| async move {
        admin.send("PUT", path, &body).await.status
    };
    assert_eq!(
        put("/api/v1/users/x", json!({ "roles": ["operator"] })).await,
        200
    );
    assert_eq!(put("/api/v1/agents/x", json!({ "name": "X" })).await, 409);
    assert_eq!(
        admin
            .post("/api/v1/keys", &json!({ "agent_id": "x" }))
            .await
            .status,
        409
    );
    assert_eq!(put("/api/v1/agents/y", json!({ "name": "Y" })).await, 200);
    assert_eq!(put("/api/v1/users/y", json!({})).await, 409);
}

/// A gateway that believes the issuer of the cases, at the moment for which they are made.
async fn believing_an_issuer() -> (House, TempDir) {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/jwt");
    let issuer: Value =
        serde_json::from_str(&std::fs::read_to_string(cases.join("issuer.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, issuer["jwks"].to_string()).unwrap();
    let text = |name: &str| issuer[name].as_str().unwrap().to_owned();
    let (house, _) = House::asking(|config| {
        config.issuers = vec![Issuer {
            issuer: text("iss"),
            audience: text("aud"),
            algorithms: vec![Algorithm::Rs256],
            keys: KeyPlace::File(keys.clone()),
            roles: vec![RoleClaim {
                claim: "scope".to_owned(),
                value: "gateway:operate".to_owned(),
                role: Role::Operator,
            }],
        }];
    })
    .await;
    let moment = u64::try_from(issuer["now"].as_i64().unwrap()).unwrap();
    let now = u64::try_from(house.app.gate.clock().now().as_millis()).unwrap();
    house
        .clock
        .advance(Duration::from_millis(moment * 1000 - now));
    (house, folder)
}

#[tokio::test]
async fn tokens_are_judged_at_the_door_as_the_cases_say() {
    let (house, _keys) = believing_an_issuer().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/jwt/cases.jsonl");
    let (mut refused, mut accepted) = (0, 0);
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (name, token) = (&case["name"], case["token"].as_str().unwrap());
        let value = if token.to_ascii_lowercase().starts_with("bearer ") {
            token.to_owned()
        } else {
            format!("Bearer {token}")
        };
        let Ok(value) = axum::http::HeaderValue::from_str(&value) else {
            println!("no header can hold it: {name}");
            continue;
        };
        let request = Request::builder()
            .uri("/policy/status")
            .header("host", "localhost")
            .header("authorization", value)
            .body(Body::empty())
            .unwrap();
        let status = house.request(request).await.status;
        let expected = case["expect"].as_str().unwrap();
        if expected == "refuse" {
            assert_eq!(status, 401, "{name}");
            refused += 1;
        } else if expected.starts_with("accept") {
            assert_eq!(status, 200, "{name}");
            accepted += 1;
        }
    }
    assert!(refused > 30 && accepted > 0, "{refused} {accepted}");
}

#[tokio::test]
async fn where_tokens_come_from_is_said_to_everybody() {
    let (house, _keys) = believing_an_issuer().await;
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let said = house.showing("").get(path).await;
        assert_eq!(said.status, 200);
        assert_eq!(said.body["resource"], "https://policyguard.test/mcp");
        assert_eq!(
            said.body["authorization_servers"],
            json!(["https://issuer.test"])
        );
    }
    let (house, _) = House::with_credentials().await;
    let said = house
        .showing("")
        .get("/.well-known/oauth-protected-resource/mcp")
        .await
        .body;
    assert_eq!(said["resource"], "http://localhost/mcp");
}

#[tokio::test]
async fn a_key_shown_to_a_gateway_that_trusts_its_machine_still_says_who_calls() {
    let house = House::new().await;
    let operator = house.showing("");
    let key = operator.makes(json!({ "agent_id": "etl-1" })).await;
    let switch = json!({ "mode": "EMERGENCY", "reason": "because I say so" });
    assert_eq!(
        house
            .showing(&key)
            .post("/policy/set-mode", &switch)
            .await
            .status,
        403
    );
    assert_eq!(
        house.showing("pg_wrong").get("/policy/status").await.status,
        401
    );
    // What is no key of ours is no credential there.
    assert_eq!(
        house
            .showing("something")
            .get("/policy/status")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn whoever_is_let_in_without_a_credential_is_an_agent_that_nobody_trusts() {
    let (house, _) = House::asking(|config| config.insecure = true).await;
    let anyone = house.showing("");
    assert_eq!(
        anyone.execute("list_services", json!({})).await["success"],
        json!(true)
    );
    for (method, path, body) in [
        (
            "POST",
            "/policy/set-mode",
            json!({ "mode": "EMERGENCY", "reason": "because I say so" }),
        ),
        ("GET", "/api/v1/keys", Value::Null),
        (
            "POST",
            "/api/v1/lockdown",
            json!({ "on": true, "reason": "to be on the safe side" }),
        ),
    ] {
        assert_eq!(anyone.send(method, path, &body).await.status, 403, "{path}");
    }
    assert_eq!(
        house.showing("pg_wrong").get("/policy/status").await.status,
        401
    );
}

/// Reads a stream to its end; how long that took.
async fn ends(response: axum::response::Response) -> Duration {
    let begun = Instant::now();
    let end = axum::body::to_bytes(response.into_body(), usize::MAX);
    let read = tokio::time::timeout(Duration::from_secs(10), end).await;
    read.expect("an end").unwrap();
    begun.elapsed()
}

#[tokio::test]
async fn revocation_ends_streams_within_two_seconds() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    let key = admin.makes(json!({ "agent_id": "etl-1" })).await;
    let agent = house.showing(&key);
    let session = agent.over_mcp().in_session().await;
    let over_mcp = session.open("GET", None).await;
    let over_rest = agent.opens("/api/v1/audit/stream").await;
    assert_eq!(
        (over_mcp.status(), over_rest.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    let (first, second) = (tokio::spawn(ends(over_mcp)), tokio::spawn(ends(over_rest)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!first.is_finished() && !second.is_finished());
    let path = format!("/api/v1/keys/{}/revoke", &key[3..11]);
    assert_eq!(admin.post(&path, &json!({})).await.status, 200);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(
        first < Duration::from_secs(2) && second < Duration::from_secs(2),
        "{first:?} {second:?}"
    );
    assert_eq!(session.ask("tools/list", json!({})).await.status, 401);
}

#[tokio::test]
async fn who_started_a_program_speaks_for_an_agent_and_operates_with_a_key_alone() {
    let (house, admin) = House::with_credentials().await;
    let started = |role: &str| {
        let client = Client::of(house.app.command_service()).with("host", "localhost");
        client
            .with("x-policyguard-agent", "coder")
            .with("x-policyguard-role", role)
    };
    let said = started("agent").call("list_services", json!({})).await;
    assert_eq!(said.result()["isError"], json!(false), "{said:?}");
    for role in ["operator", "admin"] {
        assert_eq!(
            started(role).call("list_services", json!({})).await.status,
            401,
            "{role}"
        );
    }
    let key = house.showing(&admin).adds("olga", &["operator"]).await;
    let client = started("operator").with("authorization", &format!("Bearer {key}"));
    let switch = json!({ "mode": "EMERGENCY", "reason": "the cache is down" });
    let said = client.call("set_mode", switch).await;
    assert_eq!(said.result()["isError"], json!(false), "{said:?}");
    // Over TCP the same headers are nobody's.
    let client = Client::of(house.app.public_service())
        .with("host", "localhost")
        .with("x-policyguard-agent", "coder");
    assert_eq!(client.call("list_services", json!({})).await.status, 401);
    // With auth: local nobody is asked as long as nobody was ever given a key.
    let house = House::new().await;
    let operator = Client::of(house.app.command_service())
        .with("host", "localhost")
        .with("x-policyguard-agent", "coder")
        .with("x-policyguard-role", "operator");
    assert_eq!(operator.ask("tools/list", json!({})).await.status, 200);
    house
        .showing("")
        .makes(json!({ "agent_id": "etl-1" }))
        .await;
    assert_eq!(operator.ask("tools/list", json!({})).await.status, 401);
}

#[tokio::test]
async fn guessing_is_turned_away_and_a_right_key_is_not() {
    let (house, admin) = House::with_credentials().await;
    let key = house
        .showing(&admin)
        .makes(json!({ "agent_id": "etl-1" }))
        .await;
    let wrong = policyguard::identity::NewKey::of([1; 8], [2; 32])
        .unwrap()
        .text;
    let mut statuses = Vec::new();
    for path in ["/policy/status", "/mcp"].into_iter().cycle().take(310) {
        statuses.push(house.showing(&wrong).get(path).await.status);
    }
    assert_eq!((statuses[0], statuses[1]), (401, 401));
    assert_eq!((statuses[308], statuses[309]), (429, 429), "{statuses:?}");
    assert_eq!(house.showing(&key).get("/policy/status").await.status, 200);
}

#[tokio::test]
async fn a_right_credential_without_the_role_hears_that_it_is_not_enough() {
    let (house, admin) = House::with_credentials().await;
    let key = house
        .showing(&admin)
        .makes(json!({ "agent_id": "etl-1" }))
        .await;
    let refused = house.showing(&key).opens("/api/v1/keys").await;
    assert_eq!(refused.status(), 403);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    let local = House::new().await;
    let denied = local.showing("").opens("/api/v1/agents/nobody").await;
    assert!(denied.headers().get("www-authenticate").is_none());
}

#[tokio::test]
async fn keys_are_revoked_under_lockdown_and_none_is_made() {
    let (house, admin) = House::with_credentials().await;
    let admin = house.showing(&admin);
    let key = admin.makes(json!({ "agent_id": "etl-1" })).await;
    let halt = json!({ "on": true, "reason": "to be on the safe side" });
    assert_eq!(admin.post("/api/v1/lockdown", &halt).await.status, 200);
    assert_eq!(admin.get("/api/v1/users").await.status, 200);
    let refused = admin
        .post("/api/v1/keys", &json!({ "agent_id": "etl-2" }))
        .await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &json!("lockdown"))
    );
    let path = format!("/api/v1/keys/{}/revoke", &key[3..11]);
    assert_eq!(
        admin.post(&path, &json!({ "reason": "lost" })).await.status,
        200
    );
    assert_eq!(house.showing(&key).get("/policy/status").await.status, 401);
}
