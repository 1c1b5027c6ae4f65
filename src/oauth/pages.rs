//! The HTML pages people see: sign in, consent, and a message.
//!
//! They work without scripts and load nothing but [`STYLE`], so that they can
//! be served under `default-src 'none'; style-src 'self'`. All text in them is
//! escaped by the templates.

use super::brand::Brand;
use super::texts::Texts;
use askama::Template;

/// The style sheet of every page, to be served at `/assets/callgate.css`.
pub(super) const STYLE: &str = include_str!("templates/callgate.css");

/// Asks for a user name and a password.
///
/// The form posts `csrf_token`, the `hidden` fields, `username` and `password`.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(super) struct Login<'a> {
    pub texts: Texts,
    pub brand: Option<Brand<'a>>,
    /// The path the form posts to: that of the page itself.
    pub action: &'a str,
    pub csrf_token: &'a str,
    /// Names and values the form posts back. A browser turns each line break
    /// of a value into CR LF, so what must return byte for byte (`state`)
    /// belongs into the stored transaction.
    pub hidden: Vec<(&'a str, &'a str)>,
    /// The application that asks; `None` when somebody signs in for themselves.
    pub client_name: Option<&'a str>,
    /// The name of the tenant whose users may sign in; `None` when they are to
    /// say which is theirs.
    pub tenant: Option<&'a str>,
    /// What was typed as the tenant before, else empty.
    pub organisation: &'a str,
    /// What was typed before, else empty.
    pub username: &'a str,
    /// A sentence that says why the last attempt failed. It must not tell a
    /// wrong password from an unknown user.
    pub error: Option<String>,
    /// Providers that one may log in with instead.
    pub others: Vec<Other<'a>>,
}

/// A provider that one may log in with. Its form posts what that of the password does, without name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other<'a> {
    /// The path the form posts to.
    pub action: String,
    pub name: &'a str,
}

/// Asks the user whether a client may act for them (RFC 6819 §5.2.4.2).
///
/// The form posts `csrf_token`, the `hidden` fields and `grant`, which is
/// `true` or `false`.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub(super) struct Consent<'a> {
    pub texts: Texts,
    pub brand: Option<Brand<'a>>,
    /// The path the form posts to: that of the page itself.
    pub action: &'a str,
    /// The path that ends the session. It is posted to with the same
    /// `csrf_token` and `hidden` fields, so that it can ask for another login
    /// of the same transaction.
    pub sign_out: &'a str,
    pub csrf_token: &'a str,
    /// Names and values both forms post back; see [`Login::hidden`].
    pub hidden: Vec<(&'a str, &'a str)>,
    pub client_name: &'a str,
    /// The host of the redirect URI as ASCII (`xn--…`, so that no letter looks
    /// like another), with its port if it has one; the scheme of a URI that
    /// has no host.
    pub redirect_host: &'a str,
    /// The name of the tenant the user belongs to.
    pub tenant: &'a str,
    /// The name of the user who is signed in.
    pub username: &'a str,
    /// What the client asks for, in the order to be shown.
    pub scopes: Vec<Scope<'a>>,
    /// How long the grant lasts at most, in words: `30 days`.
    pub lasts: &'a str,
}

/// One scope on the consent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    /// The scope as the protocol names it.
    pub name: &'a str,
    /// What it permits, as a sentence that continues "It will be able to":
    /// `Place calls from your extension.`
    pub description: &'a str,
}

/// Tells the user how something ended.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    pub texts: Texts,
    pub tone: Tone,
    /// What happened, in a few words.
    pub heading: &'a str,
    /// What it means, and what to do now.
    pub text: &'a str,
    /// The error code of the protocol (RFC 6749 §4.1.2.1).
    pub code: Option<&'a str>,
    /// What went wrong, in English, for those who help.
    pub detail: Option<&'a str>,
    /// The id under which the log knows this request.
    pub decision: Option<&'a str>,
}

/// Whether a [`Message`] is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Notice,
    Failure,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKUP: &str = r#"<img src=x onerror="alert(1)">"#;

    fn login() -> Login<'static> {
        Login {
            texts: Texts::default(),
            brand: None,
            action: "/auth/login",
            csrf_token: "Zm9vYmFy",
            hidden: vec![("transaction", "t-1")],
            client_name: Some("Acme CRM"),
            tenant: Some("Northwind"),
            organisation: "",
            username: "",
            error: None,
            others: vec![Other {
                action: "/auth/with/idp".to_owned(),
                name: "Example ID",
            }],
        }
    }

    fn consent() -> Consent<'static> {
        Consent {
            texts: Texts::default(),
            brand: None,
            action: "/auth/grant",
            sign_out: "/auth/logout",
            csrf_token: "Zm9vYmFy",
            hidden: vec![("transaction", "t-1")],
            client_name: "Acme CRM",
            redirect_host: "crm.acme.example",
            tenant: "Northwind",
            username: "alice",
            scopes: vec![Scope {
                name: "call",
                description: "Place calls from your extension.",
            }],
            lasts: "30 days",
        }
    }

    fn message() -> Message<'static> {
        Message {
            texts: Texts::default(),
            detail: None,
            tone: Tone::Failure,
            heading: "This link does not work",
            text: "Go back to the application and try again.",
            code: Some("invalid_request"),
            decision: Some("01JD"),
        }
    }

    fn every_page() -> [String; 5] {
        [
            login().render().unwrap(),
            Login {
                client_name: None,
                username: "alice",
                error: Some("That user name or password is not right.".to_owned()),
                ..login()
            }
            .render()
            .unwrap(),
            consent().render().unwrap(),
            message().render().unwrap(),
            Message {
                tone: Tone::Notice,
                code: None,
                decision: None,
                ..message()
            }
            .render()
            .unwrap(),
        ]
    }

    /// The values of an attribute, as they stand in the page.
    fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
        let start = format!(" {name}=\"");
        page.split(start.as_str())
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect()
    }

    /// The start tag that has this id.
    fn tag<'p>(page: &'p str, id: &str) -> &'p str {
        let id = format!(" id=\"{id}\"");
        page.split_inclusive('>')
            .find(|piece| piece.contains(&id))
            .unwrap()
            .trim_start()
    }

    fn unescape(text: &str) -> String {
        [
            ("&#60;", "<"),
            ("&#62;", ">"),
            ("&#34;", "\""),
            ("&#39;", "'"),
            ("&#38;", "&"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (entity, character)| {
            text.replace(entity, character)
        })
    }

    #[test]
    fn markup_in_any_text_is_escaped() {
        let login = Login {
            csrf_token: MARKUP,
            hidden: vec![(MARKUP, MARKUP)],
            client_name: Some(MARKUP),
            tenant: Some(MARKUP),
            organisation: MARKUP,
            username: MARKUP,
            error: Some(MARKUP.to_owned()),
            others: vec![Other {
                action: MARKUP.to_owned(),
                name: MARKUP,
            }],
            ..login()
        };
        let consent = Consent {
            csrf_token: MARKUP,
            hidden: vec![(MARKUP, MARKUP)],
            client_name: MARKUP,
            redirect_host: MARKUP,
            tenant: MARKUP,
            username: MARKUP,
            scopes: vec![Scope {
                name: MARKUP,
                description: MARKUP,
            }],
            lasts: MARKUP,
            ..consent()
        };
        let message = Message {
            heading: MARKUP,
            text: MARKUP,
            code: Some(MARKUP),
            decision: Some(MARKUP),
            ..message()
        };
        let pages = [
            login.render().unwrap(),
            consent.render().unwrap(),
            message.render().unwrap(),
        ];
        for page in pages {
            assert!(page.contains("&#60;img src=x onerror=&#34;"), "{page}");
            assert!(!page.contains("<img"), "{page}");
            assert!(!page.contains("onerror=\""), "{page}");
        }
    }

    #[test]
    fn a_page_refers_to_its_own_origin_only() {
        for page in every_page() {
            let targets = [
                "href",
                "src",
                "srcset",
                "action",
                "formaction",
                "data",
                "poster",
            ];
            for target in targets.iter().flat_map(|name| attributes(&page, name)) {
                assert!(
                    target.starts_with('/') && !target.starts_with("//"),
                    "{target}"
                );
            }
            assert_eq!(attributes(&page, "href"), ["/assets/callgate.css"]);
            assert!(!page.contains("://"), "{page}");
        }
        for outside in ["url(", "@import", "//", "image-set("] {
            assert!(!STYLE.contains(outside), "{outside}");
        }
    }

    #[test]
    fn no_page_needs_a_script_or_an_inline_style() {
        for page in every_page() {
            for forbidden in ["<script", "javascript:", "<style", " style=", " on"] {
                let used = page
                    .split('<')
                    .filter_map(|piece| piece.split('>').next())
                    .any(|tag| format!("<{tag}").contains(forbidden));
                assert!(!used, "{forbidden} in {page}");
            }
        }
    }

    #[test]
    fn a_password_manager_knows_the_fields_of_the_login() {
        let page = login().render().unwrap();
        let username = tag(&page, "username");
        assert!(username.contains(r#" autocomplete="username""#));
        assert!(username.contains(r#" type="text""#));
        let password = tag(&page, "password");
        assert!(password.contains(r#" autocomplete="current-password""#));
        assert!(password.contains(r#" type="password""#));
        // NIST SP 800-63B: a password is never cut, so the field has no maximum.
        assert!(!page.contains("maxlength"));
    }

    #[test]
    fn every_field_of_the_login_has_a_label() {
        let page = login().render().unwrap();
        assert_eq!(attributes(&page, "for"), ["username", "password"]);
    }

    #[test]
    fn a_hidden_field_returns_as_it_was_given() {
        let value = r#"a&amp;b "c" 'd' <e> ü/?=%00"#;
        let page = Login {
            hidden: vec![("resource", value)],
            ..login()
        }
        .render()
        .unwrap();
        let input = page
            .split("name=\"resource\"")
            .nth(1)
            .and_then(|rest| rest.split('>').next())
            .unwrap();
        assert_eq!(unescape(attributes(input, "value")[0]), value);
    }

    #[test]
    fn every_form_carries_the_csrf_token() {
        for page in [login().render().unwrap(), consent().render().unwrap()] {
            let forms: Vec<_> = page.split("<form ").skip(1).collect();
            assert!(!forms.is_empty());
            for form in forms {
                let form = form.split("</form>").next().unwrap();
                assert!(form.starts_with(r#"method="post""#) || form.contains(r#" method="post""#));
                assert!(form.contains(r#"name="csrf_token" value="Zm9vYmFy""#));
                assert!(form.contains(r#"name="transaction" value="t-1""#));
            }
        }
    }

    #[test]
    fn a_failed_login_is_announced_with_both_fields() {
        let page = Login {
            username: "alice",
            error: Some("That user name or password is not right.".to_owned()),
            ..login()
        }
        .render()
        .unwrap();
        assert!(tag(&page, "login-error").contains(r#" role="alert""#));
        assert!(page.contains("That user name or password is not right."));
        for field in ["username", "password"] {
            let input = tag(&page, field);
            assert!(input.contains(r#" aria-describedby="login-error""#));
            assert!(input.contains(r#" aria-invalid="true""#));
        }
    }

    #[test]
    fn a_password_is_never_sent_back() {
        let page = login().render().unwrap();
        assert!(attributes(tag(&page, "password"), "value").is_empty());
    }

    #[test]
    fn a_login_says_who_asks() {
        let page = login().render().unwrap();
        assert!(page.contains("Acme CRM"));
        assert!(page.contains("Northwind"));
    }

    #[test]
    fn the_consent_page_names_all_that_is_granted() {
        let page = consent().render().unwrap();
        for part in [
            "Acme CRM",
            "crm.acme.example",
            "Northwind",
            "alice",
            "Place calls from your extension.",
            "<code>call</code>",
            "30 days",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn allow_and_deny_have_the_same_weight() {
        let page = consent().render().unwrap();
        let answer = |value: &str| {
            page.split_inclusive('>')
                .find(|piece| piece.contains(&format!(r#" name="grant" value="{value}""#)))
                .map(|tag| tag.trim_start().replace(value, ""))
                .unwrap()
        };
        assert_eq!(answer("true"), answer("false"));
    }

    #[test]
    fn a_message_without_details_shows_none() {
        let page = Message {
            code: None,
            decision: None,
            ..message()
        }
        .render()
        .unwrap();
        assert!(!page.contains("<dl"));
    }

    #[test]
    fn a_message_shows_its_code_and_decision() {
        let page = message().render().unwrap();
        assert!(page.contains("<code>invalid_request</code>"));
        assert!(page.contains("<code>01JD</code>"));
    }

    #[test]
    fn only_a_failure_is_an_alert() {
        let notice = Message {
            tone: Tone::Notice,
            ..message()
        };
        assert!(message().render().unwrap().contains(r#"role="alert""#));
        assert!(!notice.render().unwrap().contains(r#"role="alert""#));
    }
}
