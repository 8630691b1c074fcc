//! Tokens that were verified a moment ago.

use super::*;
use crate::domain::AgentId;

const SECOND: Duration = Duration::from_secs(1);

/// Lets what runs in the background come to its end.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_verified_token_is_remembered_for_a_minute() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let token = signer.token(&claims());
    let first = desk.ask(&token).await.expect("a token");
    assert_eq!(desk.tokens.remembered(), 1);
    assert_eq!(desk.ask(&token).await, Ok(first));
    assert_eq!(desk.tokens.remembered(), 1, "the same one");
    // After a minute its half of the memory gives way at the next token, and after another the half itself.
    for second in 1..=3 {
        desk.clock.pass(60 * SECOND);
        let other = signer.token(&claims_but("jti", json!(second)));
        desk.ask(&other).await.expect("a token");
        assert_eq!(desk.tokens.remembered(), 2, "two minutes at most");
    }
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_remembered() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    for odd in [
        claims_but("exp", json!(NOW)),
        claims_but("sub", json!("system")),
    ] {
        assert!(desk.ask(&signer.token(&odd)).await.is_err());
    }
    let forged = Signer::new("EdDSA", "k1").token(&claims());
    assert!(desk.ask(&forged).await.is_err());
    assert_eq!(desk.tokens.remembered(), 0);
}

#[tokio::test]
async fn a_remembered_token_ends_when_it_says_by_either_clock() {
    let signer = Signer::new("EdDSA", "k1");
    let token = signer.token(&claims_but("exp", json!(NOW + 10)));

    let desk = Desk::with(&signer);
    desk.ask(&token).await.expect("a token");
    desk.clock.pass(9 * SECOND);
    desk.ask(&token).await.expect("a second is left");
    desk.clock.pass(SECOND);
    assert_eq!(desk.ask(&token).await, Err(TokenFault::Expired));

    let desk = Desk::with(&signer);
    desk.ask(&token).await.expect("a token");
    desk.clock.set(NOW + 3_600);
    assert_eq!(desk.ask(&token).await, Err(TokenFault::Expired));
    assert_eq!(desk.tokens.remembered(), 0);
}

#[tokio::test]
async fn a_token_is_not_remembered_longer_than_it_lives_though_the_wall_clock_stands_still() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let token = signer.token(&claims_but("exp", json!(NOW + 10)));
    desk.ask(&token).await.expect("a token");
    desk.clock.pass(11 * SECOND);
    // Somebody sets the clock back, to before the token begins: what was remembered is gone, and all is checked anew.
    desk.clock.set(NOW - 100);
    assert_eq!(desk.ask(&token).await, Err(TokenFault::NotYet));
}

#[tokio::test]
async fn a_remembered_token_goes_with_its_key() {
    let (signer, next) = (Signer::new("EdDSA", "k1"), Signer::new("EdDSA", "k2"));
    let desk = Desk::with(&signer);
    let token = signer.token(&claims());
    desk.ask(&token).await.expect("a token");
    desk.source.gives(&[next.jwk()]);
    desk.clock.pass(31 * SECOND);
    desk.ask(&token)
        .await
        .expect("the set is not fetched for it");
    desk.ask(&next.token(&claims()))
        .await
        .expect("the set is fetched for this one");
    assert_eq!(desk.tokens.remembered(), 2);
    assert_eq!(desk.tokens.verify(&token), Err(TokenFault::UnknownKey));
    assert_eq!(desk.tokens.remembered(), 1, "it is dropped");
}

#[tokio::test]
async fn a_remembered_token_goes_when_another_key_takes_the_name_of_its_own() {
    let (signer, thief) = (Signer::new("EdDSA", "k1"), Signer::new("EdDSA", "k1"));
    let desk = Desk::with(&signer);
    desk.ask(&signer.token(&claims())).await.expect("a token");
    desk.clock.pass(11 * 60 * SECOND);
    let token = signer.token(&claims_but("jti", json!(2)));
    desk.source.gives(&[thief.jwk()]);
    desk.ask(&token)
        .await
        .expect("verified while the set is on its way");
    settle().await;
    assert_eq!(desk.source.fetches(), 2);
    assert_eq!(desk.tokens.verify(&token), Err(TokenFault::Signature));
}

#[tokio::test]
async fn a_remembered_token_goes_with_its_subject() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let own = [1, 2].map(|id| signer.token(&claims_but("jti", json!(id))));
    let other = signer.token(&claims_but("sub", json!("agent-2")));
    desk.ask(&own[0]).await.expect("a token");
    // In the half of the memory that is on its way out.
    desk.clock.pass(60 * SECOND);
    for token in [&own[1], &other] {
        desk.ask(token).await.expect("a token");
    }
    assert_eq!(desk.tokens.remembered(), 3);
    desk.tokens
        .forget_subject(&AgentId::parse("agent-1").unwrap());
    assert_eq!(desk.tokens.remembered(), 1);
    assert!(desk.ask(&own[0]).await.is_ok(), "it is verified anew");
}

#[tokio::test]
async fn no_more_than_ten_thousand_tokens_are_remembered() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let token = |id: usize| signer.token(&claims_but("jti", json!(id)));
    desk.tokens.prepare(&token(0)).await;
    let mut most = 0;
    for id in 0..12_000 {
        desk.tokens.verify(&token(id)).expect("a token");
        most = most.max(desk.tokens.remembered());
    }
    assert_eq!(most, 10_000);
}
