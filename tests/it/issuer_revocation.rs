//! What administration ends of another issuer's tokens, which nobody else could end: at every gateway, and for good.

use crate::harness::TestGateway;
use crate::idp::Idp;
use crate::issuer::{access, issuer, start, status};
use callgate::secret::Secret;
use serde_json::{Value, json};
use std::time::Duration;

async fn revoke(gateway: &TestGateway, issuer: &str, what: Value) -> u16 {
    let path = format!("/admin/issuers/{issuer}/revoke");
    gateway.admin_post(&path, what).await.status.as_u16()
}

#[tokio::test]
async fn at_37_a_jwt_ends_by_its_text_its_session_or_its_subject_though_its_signature_is_good() {
    for what in ["token", "session", "subject"] {
        let (gateway, idp) = start().await;
        let other = gateway.beside().await;
        let token = access(&idp, &json!({ "sub": "ann", "sid": "s-1" }));
        let bob = access(&idp, &json!({ "sub": "bob", "sid": "s-2" }));
        for gateway in [&gateway, &other] {
            assert_eq!(status(gateway, &token).await, 204);
            assert_eq!(status(gateway, &bob).await, 204);
        }
        let named = match what {
            "token" => json!({ "token": token.expose() }),
            "session" => json!({ "session": "s-1" }),
            _ => json!({ "subject": "ann" }),
        };
        assert_eq!(revoke(&gateway, "idp", named).await, 204, "{what}");
        assert_eq!(status(&gateway, &token).await, 401, "{what}");
        // The other one reads it within a second.
        other.services.follower.catch_up().await.unwrap();
        assert_eq!(status(&other, &token).await, 401, "{what}");
        // One that has just begun has nothing in its cache, and knows.
        assert_eq!(status(&gateway.beside().await, &token).await, 401, "{what}");
        assert_eq!(status(&gateway, &bob).await, 204, "{what}");
        gateway.clock.advance(Duration::from_secs(2));
        let next = access(&idp, &json!({ "sub": "ann", "sid": "s-1", "jti": "j-2" }));
        assert_eq!(status(&gateway, &next).await, 204, "{what}");
        assert_eq!(status(&gateway, &token).await, 401, "{what}");
    }
}

/// Of one content there are many good signatures (ECDSA).
#[tokio::test]
async fn at_37_a_jwt_that_has_ended_has_ended_in_every_spelling() {
    let (gateway, idp) = start().await;
    let token = access(&idp, &json!({ "sub": "ann" }));
    assert_eq!(
        revoke(&gateway, "idp", json!({ "token": token.expose() })).await,
        204
    );
    let (signed, _) = token.expose().rsplit_once('.').unwrap();
    let again = idp.signed_again(signed);
    assert_ne!(again, token.expose());
    assert_eq!(status(&gateway, &Secret::new(again)).await, 401);
}

#[tokio::test]
async fn what_one_issuer_has_issued_ends_for_no_other() {
    let (one, two) = (Idp::start().await, Idp::start().await);
    let config = [("one", &one), ("two", &two)]
        .map(|(name, idp)| issuer(idp, name, "tenant = 'acme'", "policies = ['call']"));
    let gateway = TestGateway::with(&config.concat()).await;
    let [of_one, of_two] = [&one, &two].map(|idp| {
        idp.follow(&gateway.clock);
        access(idp, &json!({ "sub": "same", "sid": "same" }))
    });
    for what in ["session", "subject"] {
        assert_eq!(status(&gateway, &of_two).await, 204);
        assert_eq!(revoke(&gateway, "one", json!({ what: "same" })).await, 204);
        assert_eq!(status(&gateway, &of_one).await, 401, "{what}");
        assert_eq!(status(&gateway, &of_two).await, 204, "{what}");
    }
    assert_eq!(
        revoke(&gateway, "three", json!({ "subject": "same" })).await,
        404
    );
    assert_eq!(
        revoke(&gateway, "id-of-ann", json!({ "subject": "same" })).await,
        404
    );
}
