//! The pages of the second factor: the question, setting one up, and the recovery codes.

use crate::oauth::brand::Brand;
use crate::oauth::texts::Texts;
use askama::Template;

/// The script of these pages, to be served at `/assets/passkey.js`: browsers give passkeys to scripts alone.
pub(in crate::oauth) const SCRIPT: &str = include_str!("../templates/passkey.js");

/// Asks for the second factor.
///
/// Its forms post `csrf_token` and the `hidden` fields with `code`, `passkey` or `recovery_code`.
#[derive(Debug, Template)]
#[template(path = "factor.html")]
pub(super) struct Ask<'a> {
    pub texts: Texts,
    pub brand: Option<Brand<'a>>,
    pub action: &'a str,
    pub csrf_token: &'a str,
    pub hidden: Vec<(&'a str, &'a str)>,
    /// The login, to begin anew.
    pub login: &'a str,
    pub username: &'a str,
    /// Whether the user has an authenticator app.
    pub totp: bool,
    /// What the script hands to `navigator.credentials.get`; `None` without a passkey.
    pub passkey: Option<&'a str>,
    /// Why the last answer was not taken.
    pub error: Option<String>,
}

/// Asks a user who must have a second factor to set one up.
///
/// Its forms post as those of [`Ask`]; with `code` goes `setup`.
#[derive(Debug, Template)]
#[template(path = "factor_setup.html")]
pub(super) struct SetUp<'a> {
    pub texts: Texts,
    pub brand: Option<Brand<'a>>,
    pub action: &'a str,
    pub csrf_token: &'a str,
    pub hidden: Vec<(&'a str, &'a str)>,
    /// The login, to begin anew.
    pub login: &'a str,
    pub username: &'a str,
    /// An SVG element of ours.
    pub qr: &'a str,
    /// The same in letters, in groups.
    pub secret: &'a str,
    /// The secret, sealed, which the form brings back.
    pub setup: &'a str,
    /// What the script hands to `navigator.credentials.create`; `None` where there are no passkeys.
    pub passkey: Option<&'a str>,
    /// Why the last answer was not taken.
    pub error: Option<String>,
}

/// Shows recovery codes, this once.
#[derive(Debug, Template)]
#[template(path = "recovery_codes.html")]
pub(in crate::oauth) struct RecoveryCodes<'a> {
    pub texts: Texts,
    pub codes: &'a [String],
    /// Where to go on.
    pub next: &'a str,
}
