//! Why a login elsewhere came to nothing: a page for people, a line for the log.

use super::super::Oauth;
use super::super::pages::{Message, Tone};
use super::super::parameters::ParameterError;
use super::super::request::Stopped;
use super::super::texts::Texts;
use super::super::throttling::address;
use super::ProviderError;
use crate::auth::jwks::KeyError;
use crate::error::Error;
use crate::http::{DecisionId, Response};
use crate::provider::Provider;
use crate::storage::audit::Event;
use http::StatusCode;
use http::request::Parts;

#[derive(Debug)]
pub(super) enum Failure {
    /// Unknown, used, too old, begun at another provider or in another browser: nobody learns which.
    UnknownLogin,
    /// The provider says no (RFC 6749 §4.1.2.1); its code, if it is one that we know.
    Answered(&'static str),
    Provider(ProviderError),
    NotLinked,
    Disabled,
    /// Whoever began to link an account is not who is logged in now.
    OtherSession,
    /// The account is another user's, or the user has another one there.
    Taken,
    Stopped(Stopped),
}

/// RFC 6749 §4.1.2.1 and OpenID Connect Core 1.0 §3.1.2.6. What is not among them is not repeated to anybody.
const CODES: [&str; 11] = [
    "access_denied",
    "temporarily_unavailable",
    "server_error",
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "interaction_required",
    "login_required",
    "account_selection_required",
    "consent_required",
];

impl Failure {
    pub(super) fn answered(code: &str) -> Self {
        let known = CODES.into_iter().find(|known| *known == code);
        Self::Answered(known.unwrap_or("unknown_error"))
    }

    /// The page, once what happened is written down.
    pub(super) async fn respond(
        self,
        oauth: &Oauth,
        head: &Parts,
        provider: &Provider,
    ) -> Response {
        if let Self::Stopped(stopped) = self {
            return stopped.respond(oauth);
        }
        if let Self::Provider(error) = &self {
            tracing::warn!(provider = provider.spec.name, %error, "a login there failed");
        }
        let entry = oauth
            .entry(Event::LoginFailed, head)
            .tenant(&provider.spec.tenant)
            .with("provider", provider.spec.name.as_str())
            .with("why", self.code());
        // Anybody may come here with an invented state: that must fill no disk.
        if oauth
            .attempts
            .is_worth_a_row(&address(head), oauth.clock.now())
        {
            oauth.store.audit(entry).await;
        } else {
            oauth.store.tell(&entry);
        }
        let (heading, text) = self.words();
        let texts = Texts::of(head);
        let say = |id| texts.plain(id, "provider", provider.display_name());
        let decision = head.extensions.get::<DecisionId>().map(ToString::to_string);
        let message = Message {
            texts,
            tone: Tone::Failure,
            heading: &say(heading),
            text: &say(text),
            code: Some(self.code()),
            detail: None,
            decision: decision.as_deref(),
        };
        oauth.page(self.status(), "", &message)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownLogin | Self::Provider(ProviderError::Issuer) => StatusCode::BAD_REQUEST,
            Self::Provider(
                ProviderError::Metadata
                | ProviderError::Outbound(_)
                | ProviderError::Keys(KeyError::Unavailable),
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Provider(_) => StatusCode::BAD_GATEWAY,
            Self::Taken => StatusCode::CONFLICT,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// For whoever helps: which check it was.
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownLogin => "unknown_login",
            Self::Answered(code) => code,
            Self::Provider(error) => match error {
                ProviderError::Metadata => "provider_metadata",
                ProviderError::Issuer => "wrong_issuer",
                ProviderError::Outbound(_) => "provider_unreachable",
                ProviderError::Refused(_) => "code_refused",
                ProviderError::InvalidGrant => "code_invalid",
                ProviderError::Answer(_) => "answer_unreadable",
                ProviderError::IdToken(error) => error.code(),
                ProviderError::Keys(_) => "provider_keys",
            },
            Self::NotLinked => "not_linked",
            Self::Disabled => "user_disabled",
            Self::OtherSession => "other_session",
            Self::Taken => "linked_already",
            Self::Stopped(_) => "stopped",
        }
    }

    /// The texts that say what happened and what to do now.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownLogin => ("elsewhere-ended", "elsewhere-ended-text"),
            Self::Provider(ProviderError::Issuer) => {
                ("elsewhere-foreign", "elsewhere-foreign-text")
            }
            Self::Answered("access_denied") => ("elsewhere-denied", "elsewhere-denied-text"),
            Self::Answered("temporarily_unavailable" | "server_error") => {
                ("elsewhere-down", "elsewhere-later")
            }
            Self::Answered(_) => ("elsewhere-refused", "elsewhere-refused-text"),
            Self::Provider(_) if self.status() == StatusCode::SERVICE_UNAVAILABLE => {
                ("elsewhere-unreachable", "elsewhere-later")
            }
            Self::Provider(_) => ("elsewhere-unproven", "elsewhere-unproven-text"),
            Self::NotLinked => ("elsewhere-not-linked", "elsewhere-not-linked-text"),
            Self::OtherSession => ("elsewhere-nothing", "elsewhere-other-session"),
            Self::Taken => ("elsewhere-nothing", "elsewhere-taken"),
            Self::Disabled | Self::Stopped(_) => ("elsewhere-disabled", "elsewhere-disabled-text"),
        }
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Stopped(error.into())
    }
}

impl From<ParameterError> for Failure {
    fn from(error: ParameterError) -> Self {
        Error::from(error).into()
    }
}
