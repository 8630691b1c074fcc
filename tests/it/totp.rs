//! Second factors of people: what a code opens, once, and what wrong ones close.

use std::sync::Arc;
use std::time::Duration;

use policyguard::domain::{Clock as _, Timestamp};
use policyguard::identity::CodeForm;
use policyguard::policy::{self, Engine, Source};
use serde_json::{Value, json};

use crate::support::keyed::Keyed;
use crate::support::{House, Reply};

/// EMERGENCY asks for a code.
const POLICY: &str = "
modes:
  NORMAL: { allowed_tools: [list_services] }
  EMERGENCY: { allowed_tools: [list_services], max_duration: 1h, requires_totp: true }
  CALM: { allowed_tools: [list_services] }
";

/// A gateway with this policy that asks for credentials, and the key of its first administrator.
async fn asking_for_codes() -> (House, String) {
    House::asking(|config| {
        let file = config.data_dir.parent().unwrap().join("policy.yaml");
        std::fs::write(&file, POLICY).unwrap();
        config.policies = Some(file);
    })
    .await
}

/// An app with a person's secret.
struct Phone(Vec<u8>);

impl Phone {
    /// One that was shown the secret.
    fn with(secret: &str) -> Self {
        let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits = secret
            .chars()
            .map(|c| format!("{:05b}", digits.find(c).unwrap()));
        let bits: String = bits.collect();
        let bytes = bits.as_bytes().chunks_exact(8);
        let bytes = bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2));
        Self(bytes.map(Result::unwrap).collect())
    }

    fn code(&self, house: &House) -> String {
        let form = CodeForm::USUAL;
        form.code(&self.0, form.step(house.clock.now()))
    }

    /// Some code that is none of those that count now.
    fn wrong(&self, house: &House) -> String {
        let form = CodeForm::USUAL;
        let step = form.step(house.clock.now());
        let right = [step - 1, step, step + 1].map(|step| form.code(&self.0, step));
        let mut codes = (0..9).map(|n| format!("{n:06}"));
        codes.find(|code| !right.contains(code)).unwrap()
    }
}

async fn enroll(caller: Keyed<'_>, user: &str, body: Value) -> Reply {
    caller
        .post(&format!("/api/v1/users/{user}/totp"), &body)
        .await
}

async fn confirm(caller: Keyed<'_>, user: &str, code: &str) -> Reply {
    let path = format!("/api/v1/users/{user}/totp/confirm");
    caller.post(&path, &json!({ "totp": code })).await
}

/// The phone of a person who enrolls itself; the codes of that moment are past.
async fn phone(house: &House, key: &str, user: &str) -> Phone {
    let caller = house.showing(key);
    let reply = enroll(caller, user, json!({})).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let phone = Phone::with(reply.body["secret"].as_str().unwrap());
    let reply = confirm(caller, user, &phone.code(house)).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    house.clock.advance(Duration::from_mins(1));
    phone
}

/// A gateway with an operator who has a phone: the administrator's key, the operator's, the phone.
async fn with_olga() -> (House, String, String, Phone) {
    let (house, first) = asking_for_codes().await;
    let admin = house.showing(&first).adds("ada", &["admin"]).await;
    let olga = house.showing(&admin).adds("olga", &["operator"]).await;
    let phone = phone(&house, &olga, "olga").await;
    (house, admin, olga, phone)
}

async fn lockdown(caller: Keyed<'_>, on: bool, code: Option<&str>) -> Reply {
    let mut body = json!({ "on": on, "reason": "to be on the safe side" });
    if let Some(code) = code {
        body["totp"] = json!(code);
    }
    caller.post("/api/v1/lockdown", &body).await
}

async fn emergency(caller: Keyed<'_>, code: &str) -> Reply {
    let body = json!({ "mode": "EMERGENCY", "reason": "the cache is down", "totp": code });
    caller.post("/policy/set-mode", &body).await
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    let said = (reply.status, reply.body["code"].as_str());
    assert_eq!(said, (status, Some(code)), "{:?}", reply.body);
}

async fn status_of(caller: Keyed<'_>, user: &str) -> Value {
    let users = caller.get("/api/v1/users").await.body;
    let users = users["users"].as_array().unwrap().clone();
    let user = users.into_iter().find(|found| found["user_id"] == user);
    user.unwrap()["totp"].clone()
}

async fn mode(caller: Keyed<'_>) -> Value {
    caller.get("/policy/status").await.body["current_mode"].clone()
}

#[test]
fn a_mode_that_asks_for_no_code_any_more_is_told_as_a_loosening() {
    let engine = |text: &str| {
        let source = Source::new("policy.yaml", text.as_bytes());
        let bundle = policy::load(&[source]).unwrap().bundle;
        Engine::compile(Arc::new(bundle), &[], 1)
    };
    let without = POLICY.replace(", requires_totp: true", "");
    let (before, after) = (engine(POLICY), engine(&without));
    let now = Timestamp::from_millis(0);
    let told = policy::diff(&before, &after, now).loosened().join("\n");
    assert!(told.contains("`requires_totp` of `EMERGENCY`"), "{told}");
    let back = policy::diff(&after, &before, now);
    assert_eq!(back.loosened(), Vec::<String>::new());
    assert_ne!(before.bundle().digest, after.bundle().digest);
}

#[tokio::test]
async fn a_secret_counts_once_a_code_of_it_was_seen() {
    let (house, first) = asking_for_codes().await;
    let admin = house.showing(&first).adds("ada", &["admin"]).await;
    let admin = house.showing(&admin);
    let key = admin.adds("olga", &["operator"]).await;
    let olga = house.showing(&key);
    assert_eq!(status_of(admin, "olga").await, "none");
    refused(
        &confirm(olga, "olga", "123456").await,
        409,
        "totp_not_pending",
    );

    let shown = enroll(olga, "olga", json!({})).await.body;
    let secret = shown["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32, "{shown}");
    assert_eq!(
        shown["uri"],
        format!(
            "otpauth://totp/policyguard:olga?secret={secret}&issuer=policyguard&algorithm=SHA1&digits=6&period=30"
        )
    );
    assert_eq!(status_of(admin, "olga").await, "pending");
    lockdown(olga, true, None).await;
    assert_eq!(
        lockdown(olga, false, None).await.status,
        200,
        "it does not count yet"
    );

    let phone = Phone::with(secret);
    refused(
        &confirm(olga, "olga", &phone.wrong(&house)).await,
        400,
        "totp_wrong",
    );
    let code = phone.code(&house);
    assert_eq!(confirm(olga, "olga", &code).await.status, 200);
    assert_eq!(status_of(admin, "olga").await, "confirmed");

    lockdown(olga, true, None).await;
    refused(&lockdown(olga, false, None).await, 400, "totp_required");
    refused(&lockdown(olga, false, Some(&code)).await, 400, "totp_wrong");
    house.clock.advance(Duration::from_secs(30));
    let reply = lockdown(olga, false, Some(&phone.code(&house))).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let now = admin.get("/api/v1/lockdown").await.body;
    assert_eq!(now["lockdown"], json!(false), "{now}");
}

#[tokio::test]
async fn a_code_opens_once_also_after_a_restart() {
    let (house, _, olga, phone) = with_olga().await;
    let code = phone.code(&house);
    assert_eq!(emergency(house.showing(&olga), &code).await.status, 200);
    refused(
        &emergency(house.showing(&olga), &code).await,
        400,
        "totp_wrong",
    );
    let house = house.restarted().await;
    lockdown(house.showing(&olga), true, None).await;
    let again = lockdown(house.showing(&olga), false, Some(&code)).await;
    refused(&again, 400, "totp_wrong");
    house.clock.advance(Duration::from_secs(30));
    let next = phone.code(&house);
    assert_eq!(
        lockdown(house.showing(&olga), false, Some(&next))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn of_calls_that_race_with_one_code_one_wins() {
    let (house, _, olga, phone) = with_olga().await;
    let code = phone.code(&house);
    let caller = house.showing(&olga);
    lockdown(caller, true, None).await;
    let (one, other) = tokio::join!(
        lockdown(caller, false, Some(&code)),
        lockdown(caller, false, Some(&code)),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{:?} {:?}", one.body, other.body);
}

#[tokio::test]
async fn what_is_refused_uses_no_code_up() {
    let (house, _, olga, phone) = with_olga().await;
    let caller = house.showing(&olga);
    let code = phone.code(&house);
    let body = json!({ "mode": "EMERGENCY", "reason": "the cache is down", "duration_seconds": 99_999, "totp": code });
    assert_eq!(caller.post("/policy/set-mode", &body).await.status, 422);
    assert_eq!(emergency(caller, &code).await.status, 200);
}

#[tokio::test]
async fn three_wrong_codes_lock_a_person_for_a_quarter_of_an_hour() {
    let (house, admin, olga, phone) = with_olga().await;
    lockdown(house.showing(&olga), true, None).await;
    let wrong = phone.wrong(&house);
    for code in ["totp_wrong", "totp_wrong"] {
        let reply = lockdown(house.showing(&olga), false, Some(&wrong)).await;
        refused(&reply, 400, code);
        house.clock.advance(Duration::from_secs(10));
    }
    let reply = lockdown(house.showing(&olga), false, Some(&wrong)).await;
    refused(&reply, 429, "totp_locked");
    let incidents = house.showing(&admin).get("/api/v1/incidents").await.body;
    let incidents = incidents["incidents"].as_array().unwrap();
    let told = incidents.iter().filter(|incident| {
        incident["severity"] == "high" && incident["type"] == "unauthorized_access"
    });
    assert_eq!(told.count(), 1, "{incidents:?}");

    // The right code opens nothing meanwhile, whatever is restarted.
    let house = house.restarted().await;
    house
        .clock
        .advance(Duration::from_mins(15) - Duration::from_secs(1));
    let call = json!({
        "tool_name": "set_lockdown",
        "arguments": { "on": false, "reason": "it is over", "totp": phone.code(&house) },
    });
    let caller = house.showing(&olga);
    let reply = caller.post("/tools/execute", &call).await;
    let said = (&reply.body["code"], &reply.body["retry_after"]);
    assert_eq!(said, (&json!("totp_locked"), &json!(1)), "{:?}", reply.body);
    house.clock.advance(Duration::from_secs(1));
    let code = phone.code(&house);
    assert_eq!(lockdown(caller, false, Some(&code)).await.status, 200);
}

#[tokio::test]
async fn nobody_locks_somebody_else() {
    let (house, admin, olga, phone) = with_olga().await;
    let auditor = house.showing(&admin).adds("ann", &["auditor"]).await;
    let bob = house.showing(&admin).adds("bob", &["operator"]).await;
    let bot = json!({ "agent_id": "bot" });
    let bot = house.showing(&admin).makes(bot).await;
    let wrong = phone.wrong(&house);
    for key in [&auditor, &bob, &bot] {
        for _ in 0..4 {
            let stranger = house.showing(key);
            refused(
                &confirm(stranger, "olga", &wrong).await,
                403,
                "role_required",
            );
            let body = json!({ "totp": wrong });
            refused(
                &enroll(stranger, "olga", body.clone()).await,
                403,
                "role_required",
            );
            let path = "/api/v1/users/olga/totp/remove";
            refused(&stranger.post(path, &body).await, 403, "role_required");
            lockdown(stranger, false, Some(&wrong)).await;
            emergency(stranger, &wrong).await;
        }
    }
    // An administrator's wrong code for somebody else is not tried either.
    for _ in 0..4 {
        let reply = confirm(house.showing(&admin), "olga", &wrong).await;
        refused(&reply, 409, "totp_not_pending");
    }
    let code = phone.code(&house);
    assert_eq!(emergency(house.showing(&olga), &code).await.status, 200);
}

#[tokio::test]
async fn a_secret_that_counts_goes_by_a_code_of_it_or_by_another_administrator() {
    let (house, admin, _, _) = with_olga().await;
    let ada = house.showing(&admin);
    let phone = phone(&house, &admin, "ada").await;
    let remove = |code: Option<String>| async move {
        let body = code.map_or(json!({}), |code| json!({ "totp": code }));
        ada.post("/api/v1/users/ada/totp/remove", &body).await
    };
    // Her key alone is not enough, though she is an administrator.
    refused(&enroll(ada, "ada", json!({})).await, 400, "totp_required");
    refused(&remove(None).await, 400, "totp_required");
    refused(&remove(Some(phone.wrong(&house))).await, 400, "totp_wrong");
    assert_eq!(status_of(ada, "ada").await, "confirmed");
    assert_eq!(remove(Some(phone.code(&house))).await.status, 200);
    assert_eq!(status_of(ada, "ada").await, "none");
    refused(&remove(None).await, 404, "totp_not_found");
    // For somebody else she needs none; the old secret is worth nothing then.
    assert_eq!(enroll(ada, "olga", json!({})).await.status, 200);
    assert_eq!(status_of(ada, "olga").await, "pending");
    refused(
        &enroll(ada, "nobody", json!({})).await,
        404,
        "user_not_found",
    );
}

#[tokio::test]
async fn a_mode_that_asks_for_a_code_is_not_entered_without_by_any_way() {
    let (house, admin, olga, phone) = with_olga().await;
    let caller = house.showing(&olga);
    let reason = "the cache is down";
    let switch = json!({ "mode": "EMERGENCY", "reason": reason });
    refused(
        &caller.post("/policy/set-mode", &switch).await,
        400,
        "totp_required",
    );
    let grant = json!({ "duration_seconds": 10, "reason": reason });
    let reply = caller.post("/policy/grant-temporary", &grant).await;
    refused(&reply, 400, "totp_required");
    // Another administrator without a second factor is told how to get one.
    let reply = house
        .showing(&admin)
        .post("/policy/set-mode", &switch)
        .await;
    refused(&reply, 400, "totp_required");
    assert!(reply.body["hint"].as_str().unwrap().contains("totp enroll"));
    let over_mcp = caller.over_mcp();
    let said = over_mcp.call("set_mode", switch.clone()).await;
    assert_eq!(
        said.result()["structuredContent"]["error"],
        "totp_required",
        "{said:?}"
    );
    let code = phone.code(&house);
    let with_code = json!({ "mode": "EMERGENCY", "reason": reason, "totp": code });
    let said = over_mcp.call("set_mode", with_code).await;
    assert_eq!(
        said.result()["structuredContent"]["error"],
        "totp_refused",
        "{said:?}"
    );
    assert_eq!(mode(caller).await, "NORMAL");

    // The same code opens over REST: it was not looked at.
    let grant = json!({ "duration_seconds": 10, "reason": reason, "totp": code });
    let reply = caller.post("/policy/grant-temporary", &grant).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(mode(caller).await, "EMERGENCY");
    let longer = caller.post("/policy/extend-temporary", &json!({})).await;
    refused(&longer, 400, "totp_required");
    // The way back, and modes that do not ask, take none.
    for mode in ["CALM", "NORMAL"] {
        let body = json!({ "mode": mode, "reason": "all is well again" });
        let reply = caller.post("/policy/set-mode", &body).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
    }
}

#[tokio::test]
async fn in_local_mode_the_person_at_the_keyboard_needs_a_key_for_such_a_mode() {
    let house = House::with_policy_text(POLICY).await;
    let nobody = house.showing("");
    let body = json!({ "mode": "EMERGENCY", "reason": "the cache is down", "totp": "123456" });
    let reply = nobody.post("/policy/set-mode", &body).await;
    refused(&reply, 400, "totp_required");
    let detail = reply.body["detail"].as_str().unwrap();
    assert!(detail.contains("local-operator"), "{detail}");
    // As the hint says.
    let key = nobody.adds("olga", &["operator"]).await;
    let shown = enroll(nobody, "olga", json!({})).await.body;
    let phone = Phone::with(shown["secret"].as_str().unwrap());
    let reply = confirm(nobody, "olga", &phone.code(&house)).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    house.clock.advance(Duration::from_secs(30));
    let reply = emergency(house.showing(&key), &phone.code(&house)).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
}

#[tokio::test]
async fn neither_secret_nor_code_is_kept_in_clear() {
    let (house, first) = asking_for_codes().await;
    let admin = house
        .showing(&first)
        .adds("ada", &["admin", "auditor"])
        .await;
    let caller = house.showing(&admin);
    let shown = enroll(caller, "ada", json!({})).await.body;
    let secret = shown["secret"].as_str().unwrap().to_owned();
    let phone = Phone::with(&secret);
    let confirming = phone.code(&house);
    confirm(caller, "ada", &confirming).await;
    house.clock.advance(Duration::from_mins(1));
    // Codes that were refused before anybody looked at them could still open something.
    let opening = phone.code(&house);
    let number: u64 = format!("1{}", &opening[1..]).parse().unwrap();
    for given in [json!(opening), json!(number), json!(format!("{opening} "))] {
        let body = json!({ "mode": "EMERGENCY", "reason": "short", "totp": given });
        assert_eq!(caller.post("/policy/set-mode", &body).await.status, 422);
    }
    let reply = emergency(caller, &opening).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let path = "/api/v1/audit?view=records&limit=1000";
    let records = caller.get(path).await.body.to_string();
    assert!(
        records.contains("totp_enrolment") && records.contains("<redacted:"),
        "{records}"
    );
    let users = caller.get("/api/v1/users").await.body.to_string();
    let secrets = [
        secret.into_bytes(),
        phone.0.clone(),
        format!("\"{confirming}").into_bytes(),
        format!("\"{opening}").into_bytes(),
        format!("`{opening}").into_bytes(),
        number.to_string().into_bytes(),
    ];
    let house = house.restarted().await;
    let mut places = vec![("records".to_owned(), records.into_bytes())];
    places.push(("users".to_owned(), users.into_bytes()));
    for file in std::fs::read_dir(house.data_dir()).unwrap() {
        let path = file.unwrap().path();
        // The socket cannot be read, nor need it be.
        let bytes = std::fs::read(&path).unwrap_or_default();
        places.push((path.display().to_string(), bytes));
    }
    for (place, bytes) in places {
        for secret in &secrets {
            let holds = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!holds, "{place}: {}", String::from_utf8_lossy(secret));
        }
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_opens_nothing() {
    let (house, admin, olga, phone) = with_olga().await;
    let house = house.restarted_after(|data| {
        let database = rusqlite::Connection::open(data.join("policyguard.db")).unwrap();
        let sql = "SELECT sealed FROM totps";
        let mut sealed: Vec<u8> = database.query_row(sql, (), |row| row.get(0)).unwrap();
        sealed[20] ^= 1;
        let changed = database.execute("UPDATE totps SET sealed = ?1", [sealed]);
        assert_eq!(changed.unwrap(), 1);
    });
    let house = house.await.unwrap();
    let caller = house.showing(&olga);
    let code = phone.code(&house);
    for reply in [
        emergency(caller, &code).await,
        enroll(caller, "olga", json!({ "totp": code })).await,
    ] {
        assert_eq!(reply.status, 503, "{:?}", reply.body);
    }
    lockdown(caller, true, None).await;
    assert_eq!(lockdown(caller, false, Some(&code)).await.status, 503);
    assert_eq!(
        lockdown(house.showing(&admin), false, None).await.status,
        200
    );
    assert_eq!(mode(caller).await, "NORMAL");
    // Another administrator makes a new one.
    let ada = house.showing(&admin);
    assert_eq!(enroll(ada, "olga", json!({})).await.status, 200);
}
