//! An OpenID provider: a real server on this machine, faithful unless it is told otherwise, which logs what it is asked.

use crate::harness::NOW;
use crate::oauth::parameters;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use callgate::clock::Clock;
use callgate::secret;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const CLIENT: &str = "gate";
pub(crate) const SECRET: &str = "planted-secret-of-the-provider";

/// What it does otherwise than it should.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a quirk of its own, and any of them go together"
)]
pub(crate) struct Quirks {
    /// Instead of its issuer, in the metadata.
    pub(crate) metadata_issuer: Option<String>,
    /// Whether its metadata says that its answers carry `iss`.
    pub(crate) announces_iss: bool,
    /// Claims that are other than they should be; `null` leaves one out.
    pub(crate) claims: Map<String, Value>,
    /// Members of an ID token's header that are other than they should be.
    pub(crate) header: Map<String, Value>,
    /// Spoils the signature.
    pub(crate) bad_signature: bool,
    /// Instead of an answer of the token endpoint: status and body.
    pub(crate) token_answer: Option<(u16, String)>,
    /// Instead of its keys: status and body.
    pub(crate) keys_answer: Option<(u16, String)>,
    /// How long the token endpoint takes.
    pub(crate) delay: Duration,
    /// How long its keys take.
    pub(crate) keys_delay: Duration,
    /// Gives a new refresh token each time, and takes each once.
    pub(crate) rotates: bool,
    pub(crate) rs256: bool,
}

/// A request that it got.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) form: BTreeMap<String, String>,
}

struct Login {
    subject: String,
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct State {
    issuer: String,
    clock: Clock,
    quirks: Quirks,
    asked: Vec<Asked>,
    codes: BTreeMap<String, Login>,
    refresh: BTreeSet<String>,
    keys: Vec<(String, EcdsaKeyPair)>,
    rsa: Option<RsaKeyPair>,
    issued: Vec<String>,
}

pub(crate) struct Idp(Arc<Mutex<State>>);

impl Idp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            clock: Clock::manual(NOW),
            quirks: Quirks::default(),
            asked: Vec::new(),
            codes: BTreeMap::new(),
            refresh: BTreeSet::new(),
            keys: vec![("key-1".to_owned(), new_key())],
            rsa: None,
            issued: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&shared), stream));
            }
        });
        Self(state)
    }

    pub(crate) fn issuer(&self) -> String {
        self.state().issuer.clone()
    }

    /// A `[[provider]]` for it, with `more` keys.
    pub(crate) fn provider(&self, name: &str, more: &str) -> String {
        format!(
            "\n[[provider]]\nname = '{name}'\ndisplay_name = 'Example ID'\ntenant = 'acme'\nissuer = '{}'\n\
             client_id = '{CLIENT}'\nclient_secret = '{SECRET}'\n{more}\n",
            self.issuer()
        )
    }

    /// From now on its time is that of `clock`.
    pub(crate) fn follow(&self, clock: &Clock) {
        self.state().clock = clock.clone();
    }

    pub(crate) fn quirks(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut self.state().quirks);
    }

    /// Signs with a new key from now on.
    pub(crate) fn rotate_keys(&self) {
        let mut state = self.state();
        let name = format!("key-{}", state.keys.len() + 1);
        state.keys.insert(0, (name, new_key()));
    }

    /// How often a path was asked for.
    pub(crate) fn times(&self, path: &str) -> usize {
        let state = self.state();
        state
            .asked
            .iter()
            .filter(|asked| asked.path == path)
            .count()
    }

    pub(crate) fn last(&self, path: &str) -> Asked {
        let state = self.state();
        let last = state.asked.iter().rev().find(|asked| asked.path == path);
        last.unwrap().clone()
    }

    /// All tokens that it has given away.
    pub(crate) fn issued(&self) -> Vec<String> {
        self.state().issued.clone()
    }

    /// What it signs with this header and these claims, besides those that it always has; `null` leaves one out.
    pub(crate) fn signed(&self, header: &Value, claims: &Value) -> String {
        let mut state = self.state();
        let (kid, alg) = state.signs_by();
        let usual = json!({ "alg": alg, "kid": kid });
        let mut header_map = usual.as_object().unwrap().clone();
        header_map.extend(header.as_object().unwrap().clone());
        let now = state.clock.now() / 1000;
        let usual = json!({ "iss": state.issuer, "sub": "f:1:w0", "iat": now, "exp": now + 300 });
        let mut all = usual.as_object().unwrap().clone();
        all.extend(claims.as_object().unwrap().clone());
        state.compose(header_map, all)
    }

    /// Another signature of the same content.
    pub(crate) fn signed_again(&self, signed: &str) -> String {
        let signature = self.state().sign(signed.as_bytes());
        format!("{signed}.{}", secret::encode(&signature))
    }

    /// As it stands, letter by letter.
    pub(crate) fn signed_text(&self, header: &str, claims: &str) -> String {
        let encoded = [header, claims].map(|part| secret::encode(part.as_bytes()));
        let signed = encoded.join(".");
        let signature = self.state().sign(signed.as_bytes());
        format!("{signed}.{}", secret::encode(&signature))
    }

    /// The keys that it publishes.
    pub(crate) fn published(&self) -> Value {
        self.state().jwks()
    }

    /// Withdraws all keys but the one that signs.
    pub(crate) fn forget_old_keys(&self) {
        self.state().keys.truncate(1);
    }

    /// The public half of its RSA key, as it publishes it.
    pub(crate) fn rsa_modulus(&self) -> Vec<u8> {
        let state = self.state();
        let key = state.rsa.as_ref().unwrap().public_key();
        key.modulus().big_endian_without_leading_zero().to_vec()
    }

    /// Forgets all refresh tokens.
    pub(crate) fn forget(&self) {
        self.state().refresh.clear();
    }

    /// A person logs in where a browser was led to; the address that it is led back to.
    pub(crate) fn log_in(&self, location: &str, subject: &str) -> String {
        let mut state = self.state();
        let asked = parameters(location);
        assert!(
            location.starts_with(&format!("{}/authorize?", state.issuer)),
            "{location}"
        );
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        let code = format!("code-{}", secret::encode(&secret::random::<12>()));
        let login = Login {
            subject: subject.to_owned(),
            // Plain OAuth knows none.
            nonce: asked.get("nonce").cloned().unwrap_or_default(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        state.codes.insert(code.clone(), login);
        let iss = if state.quirks.announces_iss {
            crate::oauth::encoded([("iss", &state.issuer)])
        } else {
            String::new()
        };
        format!(
            "{}?code={code}&state={}&{iss}",
            asked["redirect_uri"], asked["state"]
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

async fn serve(state: Arc<Mutex<State>>, mut stream: TcpStream) {
    let Some((head, body)) = read(&mut stream).await else {
        return;
    };
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let authorization = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .starts_with("authorization:")
                .then(|| line[14..].trim().to_owned())
        })
        .unwrap_or_default();
    let form = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let asked = Asked {
        path,
        authorization,
        form,
    };
    let delay = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        match asked.path.as_str() {
            "/token" => state.quirks.delay,
            "/keys" => state.quirks.keys_delay,
            _ => Duration::ZERO,
        }
    };
    tokio::time::sleep(delay).await;
    let (status, body) = state.lock().unwrap().answer(&asked);
    let location = if status == 302 {
        "Location: http://169.254.169.254/\r\n"
    } else {
        ""
    };
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // Who refuses a large answer hangs up in its middle.
    drop(stream.write_all(answer.as_bytes()).await);
}

async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

impl State {
    fn answer(&mut self, asked: &Asked) -> (u16, String) {
        match asked.path.as_str() {
            "/.well-known/openid-configuration" => (200, self.metadata().to_string()),
            "/keys" => self
                .quirks
                .keys_answer
                .clone()
                .unwrap_or_else(|| (200, self.jwks().to_string())),
            "/token" => match self.quirks.token_answer.clone() {
                Some(answer) => answer,
                None => self.token(asked),
            },
            "/userinfo" => (200, json!({ "sub": "w0", "domain": "example" }).to_string()),
            _ => (404, String::new()),
        }
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.quirks.metadata_issuer.as_ref().unwrap_or(&self.issuer),
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": self.quirks.announces_iss,
        })
    }

    fn jwks(&self) -> Value {
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .map(|(kid, key)| {
                let point = key.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                    "x": secret::encode(&point[1..33]), "y": secret::encode(&point[33..]),
                })
            })
            .collect();
        if let Some(rsa) = &self.rsa {
            let key = rsa.public_key();
            keys.push(json!({
                "kty": "RSA", "kid": "rsa", "alg": "RS256",
                "n": secret::encode(key.modulus().big_endian_without_leading_zero()),
                "e": secret::encode(key.exponent().big_endian_without_leading_zero()),
            }));
        }
        json!({ "keys": keys })
    }

    /// RFC 6749 §4.1.3, §6; RFC 7636 §4.6.
    fn token(&mut self, asked: &Asked) -> (u16, String) {
        let refused = |error: &str| (400, json!({ "error": error }).to_string());
        // One way alone (RFC 6749 §2.3).
        let by_basic = asked.authorization == crate::oauth::basic(CLIENT, SECRET);
        let by_form = asked.form.get("client_secret").map(String::as_str) == Some(SECRET);
        if by_basic == by_form {
            return (401, json!({ "error": "invalid_client" }).to_string());
        }
        let field = |name: &str| asked.form.get(name).cloned().unwrap_or_default();
        match field("grant_type").as_str() {
            "authorization_code" => {
                let Some(login) = self.codes.remove(&field("code")) else {
                    return refused("invalid_grant");
                };
                let made = secret::encode(&secret::sha256(field("code_verifier").as_bytes()));
                if made != login.challenge || field("redirect_uri") != login.redirect_uri {
                    return refused("invalid_grant");
                }
                let access = self.new_token("access");
                let id = self.id_token(&login, &access);
                self.set(&access, Some(id), None)
            }
            "refresh_token" => {
                let presented = field("refresh_token");
                if !self.refresh.contains(&presented) {
                    // Reuse: all of the family end (RFC 9700 §4.14.2).
                    self.refresh.clear();
                    return refused("invalid_grant");
                }
                let kept = (!self.quirks.rotates).then(|| presented.clone());
                self.refresh.remove(&presented);
                let access = self.new_token("access");
                self.set(&access, None, kept)
            }
            _ => refused("unsupported_grant_type"),
        }
    }

    fn set(&mut self, access: &str, id: Option<String>, kept: Option<String>) -> (u16, String) {
        let mut answer = json!({
            "access_token": access, "token_type": "bearer", "expires_in": 300,
        });
        let refresh = kept.unwrap_or_else(|| {
            let new = self.new_token("refresh");
            answer["refresh_token"] = new.clone().into();
            new
        });
        self.refresh.insert(refresh);
        if let Some(id) = id {
            answer["id_token"] = id.clone().into();
            self.issued.push(id);
        }
        (200, answer.to_string())
    }

    fn new_token(&mut self, kind: &str) -> String {
        let token = format!("planted-{kind}-{}", secret::encode(&secret::random::<12>()));
        self.issued.push(token.clone());
        token
    }

    fn id_token(&mut self, login: &Login, access: &str) -> String {
        let now = self.clock.now() / 1000;
        let hash = secret::sha256(access.as_bytes());
        let claims = json!({
            "iss": self.issuer, "sub": login.subject, "aud": CLIENT, "azp": CLIENT, "nonce": login.nonce,
            "iat": now, "exp": now + 300, "at_hash": secret::encode(&hash[..16]),
        });
        let (kid, alg) = self.signs_by();
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        let with = |value: Value, changes: &Map<String, Value>| {
            let mut value = value.as_object().unwrap().clone();
            value.extend(changes.clone());
            value
        };
        let header = with(header, &self.quirks.header);
        let claims = with(claims, &self.quirks.claims);
        self.compose(header, claims)
    }

    /// The name of its key, and its algorithm.
    fn signs_by(&self) -> (String, &'static str) {
        if self.quirks.rs256 {
            return ("rsa".to_owned(), "RS256");
        }
        (self.keys[0].0.clone(), "ES256")
    }

    fn compose(&mut self, header: Map<String, Value>, claims: Map<String, Value>) -> String {
        let part = |mut value: Map<String, Value>| {
            value.retain(|_, value| !value.is_null());
            secret::encode(Value::Object(value).to_string().as_bytes())
        };
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = self.sign(signed.as_bytes());
        if self.quirks.bad_signature {
            signature[7] ^= 1;
        }
        format!("{signed}.{}", secret::encode(&signature))
    }

    fn sign(&mut self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        if !self.quirks.rs256 {
            return self.keys[0]
                .1
                .sign(&random, message)
                .unwrap()
                .as_ref()
                .to_vec();
        }
        let key = self
            .rsa
            .get_or_insert_with(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .unwrap();
        signature
    }
}
