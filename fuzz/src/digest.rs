//! Kalliope's header: what is read is what the vendor's own expression and the grammar allow, and means only what it says.

use callgate::kalliope::{Account, DigestPassword, Header};
use callgate::secret;
use std::fmt::Write;

/// The header's value; or `sign`, a user name, a domain and a time in lines, to be signed.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match text.strip_prefix("sign\n") {
        Some(account) => check_signing(account),
        None => check_reading(text),
    }
}

/// 0000-01-01T00:00:00Z, in seconds: a year has four digits in a header.
const EARLIEST: i64 = -62_167_219_200;
/// 9999-12-30T22:00:00Z, the last second of the library that counts time.
const LATEST: i64 = 253_402_207_200;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
struct Said<'h> {
    username: &'h str,
    domain: &'h str,
    digest: &'h str,
    nonce: &'h str,
    created: &'h str,
}

fn check_reading(text: &str) {
    let said = naive(text);
    let header = Header::parse(text);
    assert_eq!(header.is_ok(), said.is_some(), "{text:?}: {header:?}");
    let (Ok(header), Some(said)) = (header, said) else {
        return;
    };
    assert_eq!(
        (header.username(), header.domain(), header.nonce()),
        (said.username, said.domain, said.nonce)
    );
    assert_eq!(
        Some(header.created()),
        seconds(said.created).map(|s| s * 1000)
    );
    assert!(!format!("{header:?}").contains(said.digest));
    // Written again, it is the same text: nothing else would be read in the same way.
    let Said {
        username,
        domain,
        digest,
        nonce,
        created,
    } = said;
    let written = format!(
        "RestApiUsernameToken Username=\"{username}\", Domain=\"{domain}\", Digest=\"{digest}\", Nonce=\"{nonce}\", Created=\"{created}\""
    );
    assert_eq!(written, text);
    for password in [password(0), password(1)] {
        let input = [nonce, password.expose(), username, domain, created].concat();
        let right = base64(&secret::sha256(input.as_bytes()));
        assert_eq!(header.is_signed_by(&password), right == digest, "{text:?}");
    }
}

/// Whatever can be signed is read as what was signed, and by nobody else's secret.
fn check_signing(text: &str) {
    let lines: Vec<_> = text.splitn(3, '\n').collect();
    let [username, domain, now] = lines[..] else {
        return;
    };
    let Ok(now) = now.parse::<i64>() else {
        return;
    };
    let is_name = |name: &str| !name.contains(['"', '@']) && !name.chars().any(char::is_control);
    let length = |name: &str| name.chars().count();
    let fits = (1..=128).contains(&length(username)) && (1..=64).contains(&length(domain));
    let account = Account::new(username, domain, password(0));
    assert_eq!(
        account.is_ok(),
        fits && is_name(username) && is_name(domain)
    );
    let Ok(account) = account else {
        return;
    };
    let Ok(value) = account.sign(now) else {
        assert!(!(0..=LATEST * 1000).contains(&now));
        return;
    };
    let value = std::str::from_utf8(value.as_bytes()).unwrap();
    if now < EARLIEST * 1000 {
        assert!(Header::parse(value).is_err(), "{value}");
        return;
    }
    let header = Header::parse(value).unwrap();
    assert_eq!((header.username(), header.domain()), (username, domain));
    assert_eq!(header.created(), now.div_euclid(1000) * 1000);
    assert!(header.is_signed_by(&password(0)) && !header.is_signed_by(&password(1)));
    check_reading(value);
}

fn password(number: u8) -> DigestPassword {
    // Of V1 in the vendor's documentation, and another.
    let texts = [
        "dd7b0be7fa37d6cbaf0b842bf7532f229cb79ab8d54d509c2aa7eea27a53cd5e",
        "a7a6e7bbf13f6554f9435ac172a31db69149ec22642906c086aa7f4807b050fa",
    ];
    DigestPassword::parse(texts[usize::from(number)]).unwrap()
}

/// The vendor's expression, from the first character to the last, with the narrower fields of the grammar:
///
/// `RestApiUsernameToken Username="([^"@]+)", Domain="([^"@]+){0,1}", Digest="([^"]+)", Nonce="([^"]+)",
/// Created="(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)"`
fn naive(text: &str) -> Option<Said<'_>> {
    let pieces: Vec<_> = text.split('"').collect();
    let [
        scheme,
        username,
        a,
        domain,
        b,
        digest,
        c,
        nonce,
        d,
        created,
        "",
    ] = pieces[..]
    else {
        return None;
    };
    let fixed = [scheme, a, b, c, d]
        == [
            "RestApiUsernameToken Username=",
            ", Domain=",
            ", Digest=",
            ", Nonce=",
            ", Created=",
        ];
    let is_uchar = |c: char| c >= ' ' && !matches!(c, '"' | '@' | '\u{7f}'..='\u{9f}');
    let is_name = |name: &str, most: usize| {
        !name.is_empty() && name.chars().count() <= most && name.chars().all(is_uchar)
    };
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let digest_fits =
        digest.len() == 44 && digest.ends_with('=') && digest[..43].bytes().all(is_base64);
    let nonce_fits =
        (8..=128).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = fixed
        && is_name(username, 128)
        && is_name(domain, 64)
        && digest_fits
        && nonce_fits
        && seconds(created).is_some();
    fits.then_some(Said {
        username,
        domain,
        digest,
        nonce,
        created,
    })
}

/// Seconds since 1970 of `YYYY-MM-DDThh:mm:ssZ`, by the calendar's own rules.
fn seconds(text: &str) -> Option<i64> {
    if text.len() != 20 || !text.is_ascii() {
        return None;
    }
    let number = |at: usize, length: usize| -> Option<i64> {
        let digits = &text[at..at + length];
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().unwrap())
    };
    let marks: String = [4, 7, 10, 13, 16, 19]
        .iter()
        .map(|at| &text[*at..=*at])
        .collect();
    if marks != "--T::Z" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let months = [
        31,
        28 + i64::from(is_leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = months.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=*length).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let before: i64 = months[..usize::try_from(month - 1).ok()?].iter().sum();
    let leaps = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before + day - 1;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    (seconds <= LATEST).then_some(seconds)
}

/// RFC 4648 §4, three bytes at a time.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
            let digit = if place > three.len() {
                '='
            } else {
                char::from(ALPHABET[index])
            };
            write!(text, "{digit}").unwrap();
        }
    }
    text
}
