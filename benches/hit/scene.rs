//! A gateway whose cache knows the tokens of many requests.

#[path = "../common/mod.rs"]
mod common;
#[path = "jwts.rs"]
mod jwts;

use callgate::app::{Services, Version};
use callgate::clock::Clock;
use callgate::config::Config;
use callgate::gateway::{Decision, Gateway};
use callgate::http::{Arrival, DecisionId, Transport};
use callgate::operations::Reloads;
use futures_util::FutureExt;
use http::request::Parts;
use std::path::Path;
use tokio::runtime::Handle;

pub(crate) struct Scene {
    pub(crate) version: Version,
    pub(crate) contenders: Vec<Contender>,
    _services: Services,
}

/// Requests of one kind.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) heads: Vec<Parts>,
}

/// What is known stays known for as long as a run takes.
const SETTINGS: &str = "server.public_origin = 'https://calls.example'\ncache.lifetime = '1h'\ncache.max_stale = '1h'\n\
                        [[upstream]]\nname = 'u'\npeers = ['127.0.0.1:9']\n\
                        [[route]]\nname = 'public'\nprefix = '/public'\npublic = true\nupstream = 'u'\n\
                        [[route]]\nname = 'pbx'\nprefix = '/pbx'\naccess = 'pbx.read'\nupstream = 'u'\n";

impl Scene {
    /// With so many users, each of whom has a token.
    pub(crate) async fn set(folder: &Path, users: usize) -> Self {
        let keys = jwts::keys().await;
        let more = format!("{SETTINGS}{}", jwts::issuer(keys.address));
        let config = Config::parse(&common::config_text(folder, &more)).unwrap();
        let (store, tokens) = common::seed(&config, users).await;
        let (clock, reloads, here) = (Clock::system(), Reloads::channel().0, Handle::current());
        let services = Services::with(store, &config, clock, reloads, here);
        let services = services.await.unwrap();
        keys.publish(&services).await;
        let version = services.version(config).await.unwrap();
        let contenders = contenders(&services, &version, &tokens).await;
        Self {
            version,
            contenders,
            _services: services,
        }
    }

    pub(crate) fn heads(&self, name: &str) -> &[Parts] {
        let mut contenders = self.contenders.iter();
        let named = contenders.find(|contender| contender.name == name);
        &named.unwrap().heads
    }
}

/// All of their tokens are in the cache.
async fn contenders(services: &Services, version: &Version, tokens: &[String]) -> Vec<Contender> {
    let bearing = |tokens: &[String]| -> Vec<_> {
        let heads = tokens.iter().map(|token| head("/pbx/x", Some(token)));
        heads.collect()
    };
    let (own, foreign) = jwts::tokens(services).await;
    let named = [
        ("one token", bearing(tokens.get(..1).unwrap())),
        ("100 tokens", bearing(tokens.get(..100).unwrap())),
        ("all tokens", bearing(tokens)),
        ("100 JWTs of ours", bearing(&own)),
        ("100 JWTs of others", bearing(&foreign)),
    ];
    for head in named.iter().flat_map(|(_, heads)| heads) {
        let verdict = version.edge.gateway.decide(head).await.verdict;
        assert!(verdict.is_ok(), "{verdict:?}");
    }
    let public = Contender {
        name: "public route",
        heads: vec![head("/public/x", None)],
    };
    let known = named.map(|(name, heads)| Contender { name, heads });
    [public].into_iter().chain(known).collect()
}

fn head(path: &str, token: Option<&String>) -> Parts {
    let mut request = http::Request::get(path)
        .header("host", "calls.example")
        .header("user-agent", "bench")
        .header("accept", "*/*");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(()).unwrap().into_parts().0
}

/// Decides without waiting: all that is asked for is known.
pub(crate) fn decide(gateway: &Gateway, head: &Parts, now: i64) -> Decision {
    let arrival = Arrival {
        client: None,
        transport: Transport::Plain,
    };
    let decided = gateway.decide_at(head, arrival, now, DecisionId::next());
    decided.now_or_never().unwrap()
}
