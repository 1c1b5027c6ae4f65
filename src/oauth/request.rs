//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3), checked in full wherever it comes by.

use super::language::Language;
use super::parameters::{ParameterError, Parameters, encode};
use super::pushed::Reference;
use super::redirect::Refused;
use super::{Oauth, legacy, pkce, redirect_uri, scope};
use crate::error::Error;
use crate::storage::Words;
use crate::storage::clients::Client;
use crate::storage::tenants::Tenant;

/// A request that may be put before the user: its client exists, and may ask for all that it asks for.
#[derive(Debug, Clone)]
pub(super) struct AuthorizationRequest {
    pub(super) client: Client,
    pub(super) tenant: Tenant,
    pub(super) redirect_uri: String,
    /// Whether the request named it.
    pub(super) redirect_named: bool,
    pub(super) response_type: ResponseType,
    pub(super) scope: Words,
    /// As bytes: it returns as it came (RFC 6749 §4.1.2).
    pub(super) state: Option<Vec<u8>>,
    pub(super) challenge: Option<String>,
    /// Thumbprint of the key that the code is bound to (RFC 9449 §10).
    pub(super) jkt: Option<String>,
    /// That of the pages, if the client asks for one (`OpenID` Connect Core §3.1.2.1).
    pub(super) language: Option<Language>,
    /// By what it came here, when its client pushed it before (RFC 9126).
    pub(super) pushed: Option<Reference>,
    scope_named: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseType {
    Code,
    /// The implicit flow, for clients with the switch `implicit`.
    Token,
}

impl ResponseType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Token => "token",
        }
    }
}

/// Why a request goes no further.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It must not be sent to where it asks to be sent.
    Here(Error),
    /// The client is told.
    AtClient(Refused),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

const LONGEST_STATE: usize = 8 * 1024;

impl AuthorizationRequest {
    /// The request that a browser brings, in full or by reference.
    pub(super) async fn read(oauth: &Oauth, parameters: &Parameters) -> Result<Self, Stopped> {
        if let Some((reference, pushed)) = Reference::follow(oauth, parameters).await? {
            // The client may have changed since it pushed.
            let request = Self::check(oauth, &pushed).await?;
            return Ok(Self {
                pushed: Some(reference),
                ..request
            });
        }
        let request = Self::check(oauth, parameters).await?;
        if request.must_be_pushed(oauth) {
            let text = "the application must push its request to /oauth/par first";
            return Err(Stopped::AtClient(Refused::because(
                &request,
                "invalid_request",
                text,
            )));
        }
        Ok(request)
    }

    /// The request that is written out in `parameters`.
    pub(super) async fn check(oauth: &Oauth, parameters: &Parameters) -> Result<Self, Stopped> {
        let (client, tenant) = asking(oauth, parameters).await?;
        let (redirect_uri, redirect_named) = destination(&client, parameters)?;
        let state = parameters.bytes("state");
        if state.is_ok_and(|state| state.is_some_and(|state| state.len() > LONGEST_STATE)) {
            return Err(bad("the state is longer than 8 KiB").into());
        }
        let wish = wish(&client, &redirect_uri, parameters).map_err(|fault| {
            Stopped::AtClient(Refused {
                redirect_uri: redirect_uri.clone(),
                state: state.ok().flatten().map(<[u8]>::to_vec),
                in_fragment: parameters.get("response_type") == Ok(Some("token")),
                code: fault.code,
                description: fault.description,
            })
        })?;
        match (wish.response_type, &wish.challenge) {
            (ResponseType::Token, _) => legacy::note(&client, "implicit"),
            (ResponseType::Code, None) => legacy::note(&client, "no_pkce"),
            (ResponseType::Code, Some(_)) => {}
        }
        Ok(Self {
            client,
            tenant,
            redirect_uri,
            redirect_named,
            response_type: wish.response_type,
            scope: wish.scope,
            scope_named: wish.scope_named,
            state: wish.state,
            challenge: wish.challenge,
            jkt: wish.jkt,
            language: wish.language,
            pushed: None,
        })
    }

    fn must_be_pushed(&self, oauth: &Oauth) -> bool {
        oauth.settings.require_pushed_authorization_requests || self.client.par_required.0
    }

    /// The recognised parameters, or the reference to them, to go on with.
    pub(super) fn query(&self) -> String {
        let locales = self
            .language
            .map(|language| ("ui_locales", language.tag().as_bytes()));
        if let Some(reference) = &self.pushed {
            return encode(
                &[
                    reference.pairs(&self.client.id).as_slice(),
                    locales.as_slice(),
                ]
                .concat(),
            );
        }
        let scope = self.scope.to_string();
        let mut pairs: Vec<(&str, &[u8])> = vec![
            ("client_id", self.client.id.as_bytes()),
            ("response_type", self.response_type.as_str().as_bytes()),
        ];
        if self.redirect_named {
            pairs.push(("redirect_uri", self.redirect_uri.as_bytes()));
        }
        if self.scope_named {
            pairs.push(("scope", scope.as_bytes()));
        }
        if let Some(state) = &self.state {
            pairs.push(("state", state));
        }
        if let Some(challenge) = &self.challenge {
            pairs.push(("code_challenge", challenge.as_bytes()));
            pairs.push(("code_challenge_method", pkce::METHOD.as_bytes()));
        }
        if let Some(jkt) = &self.jkt {
            pairs.push(("dpop_jkt", jkt.as_bytes()));
        }
        pairs.extend(locales);
        encode(&pairs)
    }
}

/// What the client asks for, once it is known where an answer may go.
struct Wish {
    response_type: ResponseType,
    scope: Words,
    scope_named: bool,
    state: Option<Vec<u8>>,
    challenge: Option<String>,
    jkt: Option<String>,
    language: Option<Language>,
}

/// A fault that the client is told of (RFC 6749 §4.1.2.1).
struct Fault {
    code: &'static str,
    description: String,
}

impl Fault {
    fn new(code: &'static str, description: &str) -> Self {
        Self {
            code,
            description: description.to_owned(),
        }
    }

    fn invalid(description: &str) -> Self {
        Self::new("invalid_request", description)
    }
}

impl From<ParameterError> for Fault {
    fn from(error: ParameterError) -> Self {
        Self::invalid(&error.to_string())
    }
}

async fn asking(oauth: &Oauth, parameters: &Parameters) -> Result<(Client, Tenant), Error> {
    let id = parameters
        .get("client_id")?
        .ok_or_else(|| bad("the parameter client_id is missing"))?;
    let found = oauth.enabled_client(id).await?;
    found.ok_or_else(|| bad("the application is not known here"))
}

/// Where answers go. Until this is known to be the client's own, nothing may be sent there (RFC 6749 §4.1.2.1).
fn destination(client: &Client, parameters: &Parameters) -> Result<(String, bool), Error> {
    if let Some(asked) = parameters.get("redirect_uri")? {
        if !redirect_uri::is_registered(&client.redirect_uris, asked) {
            let text = "the redirect_uri is not registered for this application";
            // As in 2012, where such clients look for it.
            if client.switches.contains("json_ui") {
                legacy::note(client, "json_ui");
                return Err(Error::Forbidden(text.to_owned()));
            }
            return Err(bad(text));
        }
        return Ok((asked.to_owned(), true));
    }
    let mut registered = client.redirect_uris.iter();
    match (registered.next(), registered.next()) {
        (Some(only), None) if !parameters.has("redirect_uri") => Ok((only.to_owned(), false)),
        _ => Err(bad("the parameter redirect_uri is missing")),
    }
}

fn wish(client: &Client, redirect_uri: &str, parameters: &Parameters) -> Result<Wish, Fault> {
    // RFC 9101 §6.3: what is not understood is refused, and nothing is fetched.
    if parameters.has("request") {
        return Err(Fault::new(
            "request_not_supported",
            "request objects are not supported",
        ));
    }
    if parameters.has("request_uri") {
        return Err(Fault::new(
            "request_uri_not_supported",
            "a request_uri is what /oauth/par has given: no other is supported",
        ));
    }
    let state = parameters.bytes("state")?.map(<[u8]>::to_vec);
    let response_type = response_type(client, redirect_uri, parameters)?;
    let named = parameters.get("scope")?;
    let scope = scope::allowed(client, named).ok_or_else(|| {
        Fault::new(
            "invalid_scope",
            "the application may not ask for this scope",
        )
    })?;
    Ok(Wish {
        response_type,
        scope,
        scope_named: named.is_some(),
        state,
        challenge: challenge(client, response_type, parameters)?,
        jkt: key(response_type, parameters)?,
        language: parameters.get("ui_locales")?.and_then(Language::of_locales),
    })
}

fn response_type(
    client: &Client,
    redirect_uri: &str,
    parameters: &Parameters,
) -> Result<ResponseType, Fault> {
    let named = parameters.get("response_type")?;
    let (found, allowed, mode) =
        match named.ok_or_else(|| Fault::invalid("the parameter response_type is missing"))? {
            "code" => (
                ResponseType::Code,
                client.grant_types.contains("authorization_code"),
                "query",
            ),
            "token" => (
                ResponseType::Token,
                may_use_implicit(client, redirect_uri),
                "fragment",
            ),
            _ => {
                return Err(Fault::new(
                    "unsupported_response_type",
                    "response_type must be code",
                ));
            }
        };
    if !allowed {
        return Err(Fault::new(
            "unauthorized_client",
            "the application may not use this response_type",
        ));
    }
    if parameters
        .get("response_mode")?
        .is_some_and(|asked| asked != mode)
    {
        return Err(Fault::invalid("this response_mode is not supported"));
    }
    Ok(found)
}

fn may_use_implicit(client: &Client, redirect_uri: &str) -> bool {
    let may_bear = client.switches.contains("implicit") && !client.dpop_bound.0;
    may_bear && redirect_uri::is_protected(redirect_uri)
}

/// RFC 9449 §10: a SHA-256, as a challenge is. What comes in an address proves no key, so nothing there is bound to one.
fn key(response_type: ResponseType, parameters: &Parameters) -> Result<Option<String>, Fault> {
    let Some(key) = parameters.get("dpop_jkt")? else {
        return Ok(None);
    };
    if response_type != ResponseType::Code || !pkce::is_challenge(key) {
        return Err(Fault::invalid(
            "the dpop_jkt is no thumbprint, or not for a code",
        ));
    }
    Ok(Some(key.to_owned()))
}

fn challenge(
    client: &Client,
    response_type: ResponseType,
    parameters: &Parameters,
) -> Result<Option<String>, Fault> {
    let challenge = parameters.get("code_challenge")?;
    let method = parameters.get("code_challenge_method")?;
    let Some(challenge) = challenge else {
        let may_omit = client.switches.contains("no_pkce") && !client.is_public();
        if may_omit || response_type == ResponseType::Token {
            return Ok(None);
        }
        return Err(Fault::invalid("the parameter code_challenge is missing"));
    };
    // RFC 7636 §4.3: without a method it would be `plain`.
    if method != Some(pkce::METHOD) {
        return Err(Fault::invalid(
            "transform algorithm not supported: code_challenge_method must be S256",
        ));
    }
    if !pkce::is_challenge(challenge) {
        return Err(Fault::invalid("the code_challenge is no S256 challenge"));
    }
    Ok(Some(challenge.to_owned()))
}

fn bad(text: &str) -> Error {
    Error::BadRequest(text.to_owned())
}
