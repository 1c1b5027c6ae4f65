//! The identity headers: who asks, as the decision found it, told to the upstream.

use crate::acl::Permit;
use crate::token::Subject;
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Who asks. Public routes have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// A user of ours.
    pub user: Option<&'a str>,
    /// Somebody who is none: the issuer's name in the configuration, and its name for them.
    pub external: Option<(&'a str, &'a str)>,
    pub tenant: &'a str,
    pub client: Option<&'a str>,
    /// The access that the route required and the user holds.
    pub access: &'a str,
}

/// What is not visible ASCII (other than these, non-ASCII is always encoded), and the escape
/// itself: `a b` and `a%20b` are two users.
const NOT_VISIBLE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

impl<'a> Identity<'a> {
    /// Who asks, for the upstream; nobody on a public route.
    pub(super) fn of(permit: Option<&'a Permit>) -> Option<Self> {
        let permit = permit?;
        let principal = permit.principal();
        Some(Self {
            user: match &principal.subject {
                Subject::User(_) => Some(&principal.name),
                Subject::Client(_) | Subject::External(_) | Subject::Operator => None,
            },
            external: match &principal.subject {
                Subject::External(external) => Some((external.issuer(), external.subject())),
                _ => None,
            },
            tenant: &principal.tenant,
            client: Some(&principal.client),
            access: permit.access(),
        })
    }

    /// The headers to set; none for what is not known. Values are percent-encoded where they are
    /// not visible ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, HeaderValue)> {
        [
            ("X-Callgate-User", self.user),
            ("X-Callgate-Issuer", self.external.map(|(issuer, _)| issuer)),
            (
                "X-Callgate-Subject",
                self.external.map(|(_, subject)| subject),
            ),
            ("X-Callgate-Tenant", Some(self.tenant)),
            ("X-Callgate-Client", self.client),
            ("X-Callgate-Access", Some(self.access)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, encoded(value?)?)))
    }
}

fn encoded(value: &str) -> Option<HeaderValue> {
    if value.is_empty() {
        return None;
    }
    let encoded: std::borrow::Cow<'_, str> = utf8_percent_encode(value, NOT_VISIBLE).into();
    HeaderValue::from_str(&encoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode;
    use proptest::prelude::*;

    fn sent(identity: Identity<'_>) -> Vec<(&'static str, String)> {
        identity
            .headers()
            .map(|(name, value)| (name, value.to_str().unwrap().to_owned()))
            .collect()
    }

    const ANN: Identity<'_> = Identity {
        user: Some("ann@example.org"),
        external: None,
        tenant: "acme",
        client: Some("crm"),
        access: "calls.create",
    };

    #[test]
    fn who_asks_is_told() {
        let expected = [
            ("X-Callgate-User", "ann@example.org"),
            ("X-Callgate-Tenant", "acme"),
            ("X-Callgate-Client", "crm"),
            ("X-Callgate-Access", "calls.create"),
        ];
        assert_eq!(
            sent(ANN),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn somebody_of_another_issuer_is_never_told_as_a_user() {
        let ann_of_another = Identity {
            user: None,
            external: Some(("idp", "ann@example.org")),
            ..ANN
        };
        let told = sent(ann_of_another);
        let told: Vec<_> = told.iter().map(|(name, value)| (*name, &**value)).collect();
        let expected = [
            ("X-Callgate-Issuer", "idp"),
            ("X-Callgate-Subject", "ann@example.org"),
        ];
        assert_eq!(told[..2], expected);
        assert!(told.iter().all(|(name, _)| *name != "X-Callgate-User"));
    }

    #[test]
    fn at_12_what_is_not_known_is_not_told() {
        let unknown = Identity {
            user: None,
            client: Some(""),
            ..ANN
        };
        let names: Vec<_> = sent(unknown).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["X-Callgate-Tenant", "X-Callgate-Access"]);
    }

    #[test]
    fn a_value_that_would_break_the_line_is_encoded() {
        let sly = Identity {
            user: Some("é\r\nX-Callgate-User: root\0 50%"),
            ..ANN
        };
        let user = sent(sly).remove(0).1;
        assert_eq!(user, "%C3%A9%0D%0AX-Callgate-User:%20root%00%2050%25");
    }

    proptest! {
        #[test]
        fn two_users_are_never_sent_as_one(user in "\\PC{1,20}|.{1,20}|[ %0-9a-f]{1,9}") {
            let value = encoded(&user).unwrap();
            prop_assert!(value.as_bytes().iter().all(u8::is_ascii_graphic));
            prop_assert_eq!(percent_decode(value.as_bytes()).decode_utf8().unwrap(), user);
        }
    }
}
