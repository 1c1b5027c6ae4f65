//! Why a login elsewhere came to nothing: a page for people, a line for the log.

use super::super::Oauth;
use super::super::pages::{Message, Tone};
use super::super::parameters::ParameterError;
use super::super::request::Stopped;
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
        let (heading, text) = self.words(provider.display_name());
        let decision = head.extensions.get::<DecisionId>().map(ToString::to_string);
        let message = Message {
            tone: Tone::Failure,
            heading: &heading,
            text: &text,
            code: Some(self.code()),
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

    fn words(&self, name: &str) -> (String, String) {
        const AGAIN: &str = "Go back to the application and try again.";
        let (heading, text) = match self {
            Self::UnknownLogin => (
                "This login has ended".to_owned(),
                format!("It was finished already, took too long, or began in another browser. {AGAIN}"),
            ),
            Self::Provider(ProviderError::Issuer) => (
                format!("This answer is not from {name}"),
                format!("Nobody was signed in. {AGAIN}"),
            ),
            Self::Answered("access_denied") => (
                format!("You did not sign in with {name}"),
                "Go back to the application to try again, or to sign in with your password.".to_owned(),
            ),
            Self::Answered("temporarily_unavailable" | "server_error") => (
                format!("{name} does not work now"),
                "Try again in a while, or sign in with your password.".to_owned(),
            ),
            Self::Answered(_) => (
                format!("{name} refused the login"),
                "Try again. If it happens again, tell your administrator the code below.".to_owned(),
            ),
            Self::Provider(_) if self.status() == StatusCode::SERVICE_UNAVAILABLE => (
                format!("{name} cannot be reached now"),
                "Try again in a while, or sign in with your password.".to_owned(),
            ),
            Self::Provider(_) => (
                format!("The answer of {name} was refused"),
                "It does not prove who you are. Try again. If it happens again, tell your administrator the code below."
                    .to_owned(),
            ),
            Self::NotLinked => (
                format!("Your account at {name} is not linked"),
                "Sign in here with your user name and password first. Then link it on your account page.".to_owned(),
            ),
            Self::OtherSession => (
                "Nothing was linked".to_owned(),
                "You signed out, or somebody else signed in, meanwhile. Sign in and link the account again.".to_owned(),
            ),
            Self::Taken => (
                "Nothing was linked".to_owned(),
                format!("That account at {name} belongs to another user here, or you have linked another one already. Unlink that first."),
            ),
            Self::Disabled | Self::Stopped(_) => (
                "You may not sign in here".to_owned(),
                "Your user is disabled. Ask your administrator.".to_owned(),
            ),
        };
        (heading, text)
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
