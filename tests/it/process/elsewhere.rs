//! A credential of ours that is good, and known to be, where it is not good: nothing that is kept of it decides there.

use super::person::posted;
use super::upstream::Upstream;
use super::wire::{Message, Wire};
use super::{Gate, form, get};
use crate::harness::{CRM_SECRET, OPERATOR};

async fn operated(gate: &Gate, path: &str, token: &str) -> u16 {
    let mut wire = Wire::connect(gate.operations).await;
    wire.send(&get(path, token)).await;
    wire.answer().await.status()
}

/// A request that is the same but for what carries its token.
fn carried(path: &str, header: &str) -> String {
    get(path, "-").replace("Authorization: Bearer -", header)
}

#[tokio::test]
async fn at_30_a_token_that_is_known_opens_no_other_route_listener_or_carrier() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.use"]).await;
    let target = |heard: &Message| heard.target();
    // Each is tried when nothing is known of the token, and when it was let in a moment ago.
    for round in 0..3 {
        for (request, status) in [
            (get("/extensions/100", &ann), 403),
            (get("/rest/call", &ann), 403),
            (
                form("POST", "/rest/call", &ann, "number=%2B390501234567"),
                403,
            ),
            (
                carried("/extensions/100", &format!("X-Auth-Token: {ann}")),
                403,
            ),
            // `crm` may not send it so.
            (
                carried("/pbx/a", &format!("Authentication: Bearer {ann}")),
                401,
            ),
            (
                carried(&format!("/pbx/a?access_token={ann}"), "X-Other: 1"),
                401,
            ),
            // Nor is it what these carry.
            (
                carried("/pbx/a", &format!("Authorization: DPoP {ann}")),
                401,
            ),
            (
                carried("/pbx/a", &format!("Authorization: Basic {ann}")),
                401,
            ),
            (
                carried("/pbx/a", &format!("Cookie: __Host-callgate={ann}")),
                401,
            ),
            (
                carried("/account", &format!("Cookie: __Host-callgate={ann}")),
                303,
            ),
        ] {
            let answer = gate.ask(&request).await;
            assert_eq!(answer.status(), status, "{round} {request} {answer:?}");
        }
        for path in ["/admin/users", "/admin/tokens?user=acme/ann"] {
            assert_eq!(operated(&gate, path, &ann).await, 401, "{round} {path}");
        }
        for grant in [
            [("grant_type", "refresh_token"), ("refresh_token", &ann)],
            [("grant_type", "authorization_code"), ("code", &ann)],
        ] {
            let asked = posted("/oauth/token", ("crm", CRM_SECRET), &grant);
            assert_eq!(gate.ask(&asked).await.status(), 400, "{round} {grant:?}");
        }
        let posing = posted("/oauth/introspect", ("crm", &ann), &[("token", &ann)]);
        assert_eq!(gate.ask(&posing).await.status(), 401, "{round}");
        let heard = upstream.heard();
        assert_eq!(
            heard.len(),
            round,
            "{:?}",
            heard.iter().map(target).collect::<Vec<_>>()
        );
        assert_eq!(gate.ask(&get("/pbx/a", &ann)).await.status(), 200);
    }
}

#[tokio::test]
async fn at_30_the_operators_token_opens_nothing_on_the_public_listener() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    for _ in 0..2 {
        assert_eq!(operated(&gate, "/admin/users", OPERATOR).await, 200);
        for path in ["/pbx/a", "/rest/call", "/extensions/1"] {
            assert_eq!(gate.ask(&get(path, OPERATOR)).await.status(), 401, "{path}");
        }
    }
    assert_eq!(upstream.heard().len(), 0);
}

/// Each installation has its key: what one made and knows, another does not even look up.
#[tokio::test]
async fn at_30_a_token_of_another_installation_is_none() {
    let upstream = Upstream::start().await;
    let (one, mut two) = (
        Gate::start(&upstream.routes()).await,
        Gate::start(&upstream.routes()).await,
    );
    let other = std::fs::read_to_string(two.path("callgate.toml")).unwrap();
    let other = other.replace(super::KEY, &"x".repeat(32));
    std::fs::write(two.path("callgate.toml"), other).unwrap();
    two.kill();
    two.restart().await;
    let ann = one.token("ann", &["pbx.#"]).await;
    for _ in 0..2 {
        assert_eq!(one.ask(&get("/pbx/a", &ann)).await.status(), 200);
        assert_eq!(two.ask(&get("/pbx/a", &ann)).await.status(), 401);
    }
}
