//! The published vectors: the vendor's own, and those that other implementations agree on.

use super::{Account, DigestPassword, Header, Salt, Window};
use crate::secret::Secret;
use serde_json::Value;

fn vectors() -> Value {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/vectors/protocols.json")).unwrap();
    all["kalliope"].clone()
}

fn list(name: &str) -> Vec<Value> {
    let vectors = vectors();
    let list = vectors[name].as_array().unwrap();
    assert!(!list.is_empty(), "{name}");
    list.clone()
}

fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {vector}"))
}

fn password(vector: &Value) -> DigestPassword {
    let salt = Salt::parse(text(vector, "salt")).unwrap();
    DigestPassword::of(&Secret::new(text(vector, "password")), &salt)
}

#[test]
fn every_vector_is_verified() {
    for vector in list("positive") {
        let password = password(&vector);
        assert_eq!(password.expose(), text(&vector, "digest_password"));
        let header = Header::parse(text(&vector, "header")).unwrap();
        assert_eq!(header.username(), text(&vector, "username"));
        assert_eq!(header.domain(), text(&vector, "domain"));
        assert!(header.is_signed_by(&password), "{vector}");
    }
}

#[test]
fn every_vector_is_signed_letter_by_letter() {
    for vector in list("positive") {
        let (username, domain) = (text(&vector, "username"), text(&vector, "domain"));
        let account = Account::new(username, domain, password(&vector)).unwrap();
        let created = Header::parse(text(&vector, "header")).unwrap().created();
        let signed = account.sign_with(text(&vector, "nonce"), created).unwrap();
        assert_eq!(signed.as_bytes(), text(&vector, "header").as_bytes());
    }
}

#[test]
fn no_vector_is_verified_by_another_ones_password() {
    let all = list("positive");
    for (vector, other) in all.iter().zip(all.iter().skip(1)) {
        let header = Header::parse(text(vector, "header")).unwrap();
        assert!(!header.is_signed_by(&password(other)), "{vector}");
    }
}

#[test]
fn at_42_no_negative_vector_is_verified_but_the_one_that_only_the_look_up_can_refuse() {
    let positive = list("positive");
    for vector in list("negative") {
        let base = positive.iter().find(|base| base["id"] == vector["base"]);
        let base = base.unwrap();
        let mut value = text(base, "header").to_owned();
        for name in ["Username", "Domain", "Digest"] {
            let field = name.to_lowercase();
            if let Some(other) = vector[&field].as_str() {
                let usual = format!("{name}=\"{}\"", text(base, &field));
                value = value.replace(&usual, &format!("{name}=\"{other}\""));
            }
        }
        let header = Header::parse(&value);
        let verified = header.is_ok_and(|header| header.is_signed_by(&password(base)));
        // `admind` of `efault` has the digest of `admin` of `default`: no such user may be found.
        assert_eq!(verified, vector["username"] == "admind", "{vector}");
    }
}

#[test]
fn at_40_every_time_vector_holds() {
    for vector in list("clock_seconds") {
        let age = vector["now_minus_created"].as_i64().unwrap() * 1000;
        let counts = Window::default().check(0, age).is_some();
        assert_eq!(counts, vector["accept"].as_bool().unwrap(), "{vector}");
    }
    for vector in list("replay") {
        let seconds = |name: &str| vector[name].as_i64().unwrap() * 1000;
        let first = Window::default().check(seconds("created_offset_s"), seconds("first_use_at_s"));
        let kept = first.unwrap().until >= seconds("second_use_at_s");
        assert_eq!(
            kept,
            !vector["second_accept"].as_bool().unwrap(),
            "{vector}"
        );
    }
}
