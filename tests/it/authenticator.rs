//! A passkey in software, that says what a browser and its authenticator would say (`WebAuthn` §6), or almost that.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use callgate::secret::{encode, random, sha256};
use serde_json::{Value, json};

/// User present, and verified (`WebAuthn` §6.1).
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;

pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    pub(crate) counter: u32,
    /// Where the browser says that it is.
    pub(crate) origin: String,
    pub(crate) rp_id: String,
    pub(crate) verifies: bool,
}

impl Authenticator {
    pub(crate) fn new() -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: random::<32>().to_vec(),
            counter: 1,
            origin: "https://calls.example".to_owned(),
            rp_id: "calls.example".to_owned(),
            verifies: true,
        }
    }

    /// Another device with the same key, as it is now.
    pub(crate) fn another(&self) -> Self {
        Self {
            id: self.id.clone(),
            ..Self::new()
        }
    }

    /// The answer of `navigator.credentials.create`.
    pub(crate) fn create(&self, options: &Value) -> String {
        let mut data = self.data(HAS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose_key());
        let mut object = vec![0xa3];
        object.extend(text("fmt"));
        object.extend(text("none"));
        object.extend(text("attStmt"));
        object.push(0xa0);
        object.extend(text("authData"));
        object.extend(bytes(&data));
        let response = json!({
            "clientDataJSON": encode(&self.client_data("webauthn.create", options)),
            "attestationObject": encode(&object),
            "transports": ["internal"],
        });
        self.credential(&response)
    }

    /// The answer of `navigator.credentials.get`.
    pub(crate) fn get(&mut self, options: &Value) -> String {
        if self.counter > 0 {
            self.counter += 1;
        }
        let (client, data) = (self.client_data("webauthn.get", options), self.data(0));
        let signed = [data.as_slice(), &sha256(&client)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let response = json!({
            "clientDataJSON": encode(&client),
            "authenticatorData": encode(&data),
            "signature": encode(signature.as_ref()),
            "userHandle": null,
        });
        self.credential(&response)
    }

    fn credential(&self, response: &Value) -> String {
        let id = encode(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {} })
            .to_string()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = &options["publicKey"]["challenge"];
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = sha256(self.rp_id.as_bytes()).to_vec();
        data.push(PRESENT | verified | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// RFC 9053 §7.1: EC2 (1: 2), ES256 (3: -7), P-256 (-1: 1), x (-2) and y (-3).
    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
        key.extend(bytes(x));
        key.push(0x22);
        key.extend(bytes(y));
        key
    }
}

/// CBOR (RFC 8949 §3.1): a short text.
fn text(text: &str) -> Vec<u8> {
    let mut written = vec![0x60 | u8::try_from(text.len()).unwrap()];
    written.extend(text.as_bytes());
    written
}

/// CBOR: a byte string of less than 64 KiB.
fn bytes(bytes: &[u8]) -> Vec<u8> {
    let mut written = vec![0x59];
    written.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    written.extend(bytes);
    written
}
