//! Where a request came from, as far as its peer is trusted to say.

use super::authority;
use crate::http::Transport;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The hops that are read of one `X-Forwarded-For`; more are a loop or a lie.
const MAX_HOPS: usize = 16;

/// The addresses `address/prefix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a network such as 10.0.0.0/8 or ::1")]
pub struct NetworkError(String);

/// The connection that a request came on.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// The address at the other end.
    pub peer: IpAddr,
    pub https: bool,
    /// The networks of proxies that are believed; by default there are none.
    pub trusted: &'a [Network],
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix
            .map_or(Ok(longest), str::parse)
            .map_err(|_| error())?;
        if prefix > longest || address != address.to_canonical() {
            return Err(error());
        }
        Ok(Self { address, prefix })
    }
}

impl Hop<'_> {
    /// The address of the client: the nearest that is not a trusted proxy's. `None` if a trusted
    /// proxy said something unreadable: then no rule on addresses is fulfilled.
    pub fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut nearest = self.peer;
        for address in addresses(headers) {
            if !self.trusts(nearest) {
                break;
            }
            nearest = address?;
        }
        Some(nearest.to_canonical())
    }

    /// Who could read the request on its way.
    pub fn transport(&self, headers: &HeaderMap) -> Transport {
        match self.is_https(headers) {
            Some(true) => Transport::Tls,
            _ if self.came_in_plain(headers) => Transport::PlainToProxy,
            _ if self.https => Transport::Tls,
            _ if self.peer.to_canonical().is_loopback() => Transport::Local,
            _ => Transport::Plain,
        }
    }

    /// The headers to set in place of all that the client said of where it came from.
    pub fn headers(&self, head: &Parts) -> impl Iterator<Item = (&'static str, HeaderValue)> {
        let headers = &head.headers;
        [
            ("X-Forwarded-For", self.forwarded_for(headers)),
            ("X-Forwarded-Proto", Some(self.proto(headers))),
            ("X-Forwarded-Host", self.host(head)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    fn forwarded_for(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        // The longest address.
        let mut hops = String::with_capacity(39);
        if self.trusts(self.peer) {
            let mut before: Vec<_> = addresses(headers).map_while(|address| address).collect();
            before.reverse();
            for address in before {
                // Writing to a string does not fail.
                write!(hops, "{address}, ").ok()?;
            }
        }
        write!(hops, "{}", self.peer.to_canonical()).ok()?;
        HeaderValue::try_from(hops).ok()
    }

    /// Whether a trusted proxy says that the client spoke no TLS to it, or does not say it clearly: then somebody on the way
    /// may have read the request. What it does not say at all is not known.
    pub fn came_in_plain(&self, headers: &HeaderMap) -> bool {
        self.trusts(self.peer)
            && headers.contains_key(PROTO)
            && self.is_https(headers) != Some(true)
    }

    fn proto(&self, headers: &HeaderMap) -> HeaderValue {
        let is_https = self.is_https(headers).unwrap_or(self.https);
        HeaderValue::from_static(if is_https { "https" } else { "http" })
    }

    /// Whether the client spoke TLS, if a trusted proxy says so clearly. Some call it `wss` when it is for a WebSocket.
    fn is_https(&self, headers: &HeaderMap) -> Option<bool> {
        let proto = self.believed(headers, &PROTO)?;
        match proto.as_bytes().to_ascii_lowercase().as_slice() {
            b"https" | b"wss" => Some(true),
            b"http" | b"ws" => Some(false),
            _ => None,
        }
    }

    fn host(&self, head: &Parts) -> Option<HeaderValue> {
        self.believed(&head.headers, &FORWARDED_HOST)
            .filter(|host| authority::is_host(host.as_bytes()))
            .or_else(|| head.headers.get(header::HOST).cloned())
            .or_else(|| HeaderValue::from_str(head.uri.authority()?.as_str()).ok())
    }

    /// The one value of a header that a trusted peer sent.
    fn believed(&self, headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
        if !self.trusts(self.peer) {
            return None;
        }
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).cloned()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// The addresses of `X-Forwarded-For`, the nearest first; `None` for an unreadable one.
fn addresses(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(FOR).iter().rev();
    lines
        .flat_map(|line| line.to_str().unwrap_or_default().rsplit(','))
        .map(|address| self::address(address.trim()))
        .take(MAX_HOPS)
}

/// An address, as some proxies write it with a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    text.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn hop<'a>(peer: &str, trusted: &'a [Network]) -> Hop<'a> {
        Hop {
            peer: peer.parse().unwrap(),
            https: true,
            trusted,
        }
    }

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder()
            .uri("/")
            .header("host", "gate.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn sent(hop: Hop<'_>, head: &Parts) -> Vec<String> {
        hop.headers(head)
            .map(|(_, value)| value.to_str().unwrap().to_owned())
            .collect()
    }

    const CLAIMS: [(&str, &str); 3] = [
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example"),
    ];

    #[test]
    fn only_a_trusted_proxy_tells_whether_the_way_to_it_was_encrypted() {
        let trusted = networks(&["10.0.0.0/8"]);
        let transport = |peer, https, told: &[(&str, &str)]| {
            let hop = Hop {
                https,
                ..hop(peer, &trusted)
            };
            hop.transport(&head(told).headers)
        };
        let (https, http) = (
            ("x-forwarded-proto", "https"),
            ("x-forwarded-proto", "http"),
        );
        for (peer, own, told, found) in [
            ("10.0.0.1", false, vec![https], Transport::Tls),
            ("10.0.0.1", true, vec![http], Transport::PlainToProxy),
            ("10.0.0.1", true, vec![https, http], Transport::PlainToProxy),
            ("10.0.0.1", false, vec![], Transport::Plain),
            ("10.0.0.1", true, vec![], Transport::Tls),
            ("192.0.2.1", false, vec![https], Transport::Plain),
            ("127.0.0.1", false, vec![https], Transport::Local),
            ("::ffff:127.0.0.1", false, vec![], Transport::Local),
            ("192.0.2.1", true, vec![http], Transport::Tls),
        ] {
            assert_eq!(transport(peer, own, &told), found, "{peer} {own} {told:?}");
        }
    }

    #[test]
    fn at_14_what_a_client_says_of_its_origin_is_replaced() {
        let sent = sent(hop("203.0.113.9", &[]), &head(&CLAIMS));
        assert_eq!(sent, ["203.0.113.9", "https", "gate.example"]);
    }

    #[test]
    fn at_14_a_trusted_proxy_is_believed_and_added_to() {
        let trusted = networks(&["10.0.0.0/8"]);
        let sent = sent(hop("10.1.2.3", &trusted), &head(&CLAIMS));
        assert_eq!(sent, ["198.51.100.7, 10.1.2.3", "http", "evil.example"]);
    }

    #[test]
    fn at_14_a_peer_outside_the_trusted_networks_is_not_believed() {
        let trusted = networks(&["10.0.0.0/8"]);
        let sent = sent(hop("11.0.0.1", &trusted), &head(&CLAIMS));
        assert_eq!(sent, ["11.0.0.1", "https", "gate.example"]);
    }

    #[test]
    fn at_14_the_client_is_the_nearest_address_that_is_not_trusted() {
        let trusted = networks(&["10.0.0.0/8"]);
        let head = head(&[
            ("x-forwarded-for", "1.1.1.1, 198.51.100.7"),
            ("x-forwarded-for", "10.9.9.9"),
        ]);
        let client = |peer| {
            hop(peer, &trusted)
                .client(&head.headers)
                .unwrap()
                .to_string()
        };
        assert_eq!(client("10.1.2.3"), "198.51.100.7");
        assert_eq!(client("203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn at_15_an_unreadable_address_from_a_trusted_proxy_is_no_address() {
        let trusted = networks(&["10.0.0.0/8"]);
        for unreadable in [
            "unknown",
            "",
            "198.51.100.7, ",
            "é",
            "10.0.0.1.5",
            "198.51.100.7, evil",
        ] {
            let head = head(&[("x-forwarded-for", unreadable)]);
            assert_eq!(
                hop("10.1.2.3", &trusted).client(&head.headers),
                None,
                "{unreadable:?}"
            );
        }
    }

    #[test]
    fn at_15_what_is_unreadable_beyond_the_client_does_not_hide_the_client() {
        let trusted = networks(&["10.0.0.0/8"]);
        let head = head(&[("x-forwarded-for", "garbage, 198.51.100.7")]);
        let hop = hop("10.1.2.3", &trusted);
        assert_eq!(
            hop.client(&head.headers).unwrap().to_string(),
            "198.51.100.7"
        );
        assert_eq!(sent(hop, &head)[0], "198.51.100.7, 10.1.2.3");
    }

    #[test]
    fn at_15_an_unreadable_claim_is_replaced_by_what_is_known() {
        let trusted = networks(&["10.0.0.0/8"]);
        let head = head(&[
            ("x-forwarded-for", "garbage"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "a, b"),
        ]);
        assert_eq!(
            sent(hop("10.1.2.3", &trusted), &head),
            ["10.1.2.3", "https", "gate.example"]
        );
    }

    #[test]
    fn a_port_beside_the_address_is_ignored() {
        let trusted = networks(&["::1"]);
        for (text, client) in [
            ("198.51.100.7:5060", "198.51.100.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
        ] {
            let head = head(&[("x-forwarded-for", text)]);
            assert_eq!(
                hop("::1", &trusted)
                    .client(&head.headers)
                    .unwrap()
                    .to_string(),
                client
            );
        }
    }

    #[test]
    fn on_http_2_the_host_is_the_authority() {
        let head = http::Request::builder()
            .uri("https://two.example/")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        assert_eq!(sent(hop("203.0.113.9", &[]), &head)[2], "two.example");
    }

    #[test]
    fn a_network_contains_the_addresses_under_its_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.129", "192.0.2.127"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("2001:db8::/32", "2001:db8:1::", "2001:db9::"),
            ("0.0.0.0/0", "255.1.1.1", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(
                network.contains(inside.parse().unwrap()),
                "{network:?} {inside}"
            );
            assert!(
                !network.contains(outside.parse().unwrap()),
                "{network:?} {outside}"
            );
        }
    }

    #[test]
    fn a_malformed_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0/8",
            "example.org",
            "::ffff:10.0.0.0/104",
            "*",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
    }
}
