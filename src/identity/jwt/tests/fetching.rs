//! When sets are fetched, and what happens when they are not.

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn unknown(number: usize) -> String {
    let header = json!({"alg": "EdDSA", "kid": format!("k{number}")}).to_string();
    Signer::new("EdDSA", "none").token_with(&header, &claims().to_string())
}

#[tokio::test]
async fn without_keys_nobody_passes() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let token = signer.token(&claims());
    assert_eq!(
        desk.tokens.verify(&token),
        Err(TokenFault::NoKeys),
        "never fetched"
    );
    desk.source.fails();
    assert_eq!(
        desk.ask(&token).await,
        Err(TokenFault::NoKeys),
        "not to be had"
    );
    desk.source.gives(&[signer.jwk()]);
    assert_eq!(
        desk.ask(&token).await,
        Err(TokenFault::NoKeys),
        "asked a moment ago"
    );
    desk.clock.pass(MINUTE / 2);
    assert!(desk.ask(&token).await.is_ok(), "asked again");
    assert_eq!(desk.source.fetches(), 2);
}

#[tokio::test]
async fn a_thousand_unknown_keys_cause_one_fetch() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    desk.ask(&signer.token(&claims())).await.expect("a token");
    desk.clock.pass(MINUTE);
    for number in 2..1_002 {
        let found = desk.ask(&unknown(number)).await;
        assert_eq!(found, Err(TokenFault::UnknownKey));
    }
    assert_eq!(
        desk.source.fetches(),
        2,
        "the first, and one for all of them"
    );
    desk.clock.pass(MINUTE / 2);
    desk.tokens.prepare(&unknown(2)).await;
    assert_eq!(desk.source.fetches(), 3, "half a minute later another");
}

#[tokio::test]
async fn callers_who_come_at_a_time_wait_for_one_fetch() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let token: Arc<str> = Arc::from(signer.token(&claims()));
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (tokens, token) = (Arc::clone(&desk.tokens), Arc::clone(&token));
            tokio::spawn(async move {
                tokens.prepare(&token).await;
                tokens.verify(&token).is_ok()
            })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.expect("it ran"), "nobody is refused meanwhile");
    }
    assert_eq!(desk.source.fetches(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_end_the_fetch() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let (tokens, forged) = (Arc::clone(&desk.tokens), unknown(2));
    let caller = tokio::spawn(async move { tokens.prepare(&forged).await });
    while desk.source.fetches() == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(
        caller.await.is_err(),
        "it hung up while the set was on its way"
    );
    assert!(desk.ask(&signer.token(&claims())).await.is_ok());
    assert_eq!(desk.source.fetches(), 1);
}

#[tokio::test]
async fn what_no_issuer_could_have_written_causes_no_fetch() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let other = signer.token(&claims_but("iss", json!("https://other.test")));
    let pointing = json!({"alg": "EdDSA", "kid": "k1", "jku": "https://other.test"}).to_string();
    let pointing = signer.token_with(&pointing, &claims().to_string());
    let unread = format!("a.b.{}", "c".repeat(100));
    let long = "x".repeat(8 * 1024 + 1);
    for token in [&other, &pointing, &unread, &long, &String::new()] {
        desk.tokens.prepare(token).await;
    }
    assert_eq!(desk.source.fetches(), 0);
}

#[tokio::test]
async fn a_set_is_fetched_again_after_ten_minutes_of_use_without_waiting() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    desk.ask(&signer.token(&claims())).await.expect("a token");
    desk.clock.pass(10 * MINUTE);
    desk.ask(&signer.token(&claims())).await.expect("a token");
    settle().await;
    assert_eq!(desk.source.fetches(), 1, "ten minutes are fresh");
    desk.clock.pass(MINUTE);
    for _ in 0..100 {
        desk.ask(&signer.token(&claims())).await.expect("a token");
    }
    settle().await;
    assert_eq!(desk.source.fetches(), 2);
    desk.ask(&signer.token(&claims())).await.expect("a token");
    settle().await;
    assert_eq!(desk.source.fetches(), 2, "fresh again");
}

#[tokio::test]
async fn a_set_that_cannot_be_fetched_is_used_for_a_day() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let token = signer.token(&claims_but("exp", json!(NOW + 30 * 3_600)));
    desk.ask(&token).await.expect("a token");
    desk.source.fails();
    for _ in 0..24 {
        desk.clock.pass(60 * MINUTE);
        assert!(desk.ask(&token).await.is_ok());
        settle().await;
    }
    assert_eq!(desk.source.fetches(), 25, "it was tried every time");
    desk.clock.pass(MINUTE / 60);
    let found = desk.ask(&token).await;
    assert_eq!(found, Err(TokenFault::NoKeys), "though it was remembered");
    desk.source.gives(&[signer.jwk()]);
    desk.clock.pass(MINUTE);
    assert!(desk.ask(&token).await.is_ok());
}

#[tokio::test]
async fn a_set_that_cannot_be_read_does_not_replace_one_that_can() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    desk.ask(&signer.token(&claims())).await.expect("a token");
    *desk.source.text.lock().unwrap() = Ok("<html>we are down</html>".to_owned());
    desk.clock.pass(11 * MINUTE);
    desk.ask(&signer.token(&claims()))
        .await
        .expect("the old set");
    settle().await;
    assert_eq!(desk.source.fetches(), 2);
    assert!(desk.ask(&signer.token(&claims())).await.is_ok());
    // A set without keys is one, though: the issuer took them back.
    desk.source.gives(&[]);
    desk.clock.pass(MINUTE);
    desk.tokens.prepare(&unknown(2)).await;
    let found = desk.tokens.verify(&signer.token(&claims()));
    assert_eq!(found, Err(TokenFault::UnknownKey));
}

#[tokio::test]
async fn a_machine_that_slept_does_not_take_its_keys_for_fresh() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let token = signer.token(&claims_but("exp", json!(NOW + 30 * 3_600)));
    desk.ask(&token).await.expect("a token");
    desk.source.fails();
    desk.clock.set(NOW + 25 * 3_600);
    assert_eq!(desk.tokens.verify(&token), Err(TokenFault::NoKeys));
}
