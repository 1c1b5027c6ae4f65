//! The scope that a client asks for (RFC 6749 §3.3).

use crate::storage::Words;
use crate::storage::clients::Client;

/// Scopes of `OpenID` Connect, which generic clients name whatever server they speak to. They mean nothing here, and are ignored
/// as RFC 6749 §3.3 allows: every token answer names the scope that was granted.
const IDENTITY: [&str; 6] = [
    "openid",
    "offline_access",
    "profile",
    "email",
    "address",
    "phone",
];

/// What `text` asks for, as far as it is understood by a server where the client may ask for `policies`.
pub(super) fn asked(text: &str, policies: &Words) -> Words {
    let means_nothing = |word: &str| IDENTITY.contains(&word) && !policies.contains(word);
    Words::parse(text)
        .iter()
        .filter(|word| !means_nothing(word))
        .collect()
}

/// What the client may have: of what it asks for all, and all that it may ask for where it names nothing. `None` when it asks for
/// more than it may, or for nothing that is understood.
pub(super) fn allowed(client: &Client, text: Option<&str>) -> Option<Words> {
    let Some(text) = text else {
        return Some(client.policies.clone());
    };
    let asked = asked(text, &client.policies);
    (!asked.is_empty() && asked.all_in(&client.policies)).then_some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed_to(policies: &str, asked: Option<&str>) -> Option<String> {
        let client = Client {
            policies: Words::parse(policies),
            ..Client::default()
        };
        allowed(&client, asked).map(|scope| scope.to_string())
    }

    #[test]
    fn a11_a_scope_is_never_wider_than_the_clients() {
        assert_eq!(
            allowed_to("call pbx", Some("call")).as_deref(),
            Some("call")
        );
        assert_eq!(allowed_to("call pbx", None).as_deref(), Some("call pbx"));
        assert_eq!(allowed_to("call", Some("call admin:everything")), None);
    }

    #[test]
    fn what_generic_clients_always_ask_for_is_ignored() {
        let generic = Some("openid call offline_access");
        assert_eq!(allowed_to("call", generic).as_deref(), Some("call"));
        assert_eq!(allowed_to("call", Some("openid")), None);
        assert_eq!(
            allowed_to("call email", Some("email")).as_deref(),
            Some("email")
        );
    }
}
