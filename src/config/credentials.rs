//! Checks of credentials for upstreams: each is what it should be, goes where it should, and to nobody else.

use super::faults::{Fault, fault};
use super::{Config, RouteSpec};
use crate::backend;
use crate::proxy::headers;
use crate::proxy::upstream;
use crate::upstream_auth::{Kind, Of, Spec};
use std::collections::BTreeSet;

impl Config {
    pub(super) fn credential_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (at, spec) in self.credential.iter().enumerate() {
            let path = format!("credential.{}", spec.name);
            let mut before = self.credential.iter().take(at);
            if before.any(|other| other.name == spec.name) {
                faults.push(fault(&path, "there is another [[credential]] of this name"));
            }
            let of_spec = spec.faults().into_iter();
            let all = of_spec.chain(self.credential_fault(spec));
            faults.extend(all.map(|(key, message)| fault(format!("{path}.{key}"), message)));
        }
        faults.extend(
            self.route
                .iter()
                .filter_map(|route| self.route_fault(route)),
        );
        faults.extend(
            self.backend
                .iter()
                .flat_map(|spec| self.backend_fault(spec)),
        );
        faults
    }

    fn backend_fault(&self, backend: &backend::Spec) -> Vec<Fault> {
        let known = |name: &String| self.credential.iter().any(|spec| spec.name == *name);
        let unknown = backend
            .credentials()
            .into_iter()
            .filter(|name| !known(name));
        let fault = |name| {
            let path = format!("backend.{}.credential", backend.name);
            fault(path, format!("there is no [[credential]] `{name}`"))
        };
        unknown.map(fault).collect()
    }

    /// What is wrong with it in view of the rest.
    fn credential_fault(&self, spec: &Spec) -> Option<(&'static str, String)> {
        let header = spec.header_name();
        if header.is_some_and(|name| !headers::carries_credentials(&name)) {
            let message = "that header means something else: say one such as X-Auth-Token";
            return Some(("header", message.to_owned()));
        }
        // What an upstream is shown, it could show to another.
        let upstreams = self.presented_to(spec);
        if upstreams.len() > 1 {
            let upstreams: Vec<_> = upstreams.into_iter().collect();
            let message = format!(
                "it is for one upstream or backend, but is presented to {}: make a [[credential]] for each",
                upstreams.join(" and ")
            );
            return Some(("name", message));
        }
        self.provider_fault(spec)
            .map(|message| ("provider", message))
    }

    fn provider_fault(&self, spec: &Spec) -> Option<String> {
        let name = spec
            .provider
            .as_ref()
            .filter(|_| spec.kind == Kind::Provider)?;
        let provider = self.provider.iter().find(|provider| provider.name == *name);
        match provider {
            None => Some(format!("there is no [[provider]] `{name}`")),
            Some(provider) if !provider.keep_tokens => Some(format!(
                "[[provider]] `{name}` keeps no tokens (`keep_tokens`)"
            )),
            Some(_) => None,
        }
    }

    /// The upstreams and backends that see it.
    fn presented_to(&self, spec: &Spec) -> BTreeSet<String> {
        let routes = self.route.iter();
        let routes = routes.filter(|route| route.credential.as_ref() == Some(&spec.name));
        let backends = self.backend.iter();
        let backends = backends.filter(|backend| backend.credentials().contains(&spec.name));
        routes
            .map(|route| route.upstream.clone())
            .chain(backends.map(|backend| format!("[[backend]] {}", backend.name)))
            .collect()
    }

    fn route_fault(&self, route: &RouteSpec) -> Option<Fault> {
        let name = route.credential.as_ref()?;
        let spec = self.credential.iter().find(|spec| spec.name == *name);
        let upstream = self
            .upstream
            .iter()
            .find(|spec| spec.name == route.upstream);
        let message = match spec {
            None => Some("there is no [[credential]] of this name"),
            Some(spec) => misuse(spec, route, upstream),
        };
        message.map(|message| fault(format!("route.{}.credential", route.name), message))
    }
}

fn misuse(
    spec: &Spec,
    route: &RouteSpec,
    upstream: Option<&upstream::Spec>,
) -> Option<&'static str> {
    if route.public && spec.of() == Of::User {
        return Some("it is users' own, and on a public route nobody is asked who they are");
    }
    let is_overheard = upstream.is_some_and(upstream::Spec::is_overheard);
    (is_overheard && !spec.insecure).then_some(
        "it would be sent in clear to another machine: use `tls`, or say `insecure = true` in the [[credential]]",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    const LEAST: &str =
        "operations.token = 'an-operator'\ntokens.key = '0123456789abcdef0123456789abcdef'\n";

    fn faults(credential: &str, route: &str, upstream: &str) -> Vec<String> {
        let text = format!(
            "{LEAST}[[credential]]\nname = 'c'\n{credential}\n\
             [[upstream]]\nname = 'pbx'\n{upstream}\n[[upstream]]\nname = 'other'\npeers = ['127.0.0.1:2']\n\
             [[route]]\nname = 'r'\npath = '/pbx'\nupstream = 'pbx'\ncredential = 'c'\n{route}"
        );
        let faults = Config::parse(&text).unwrap().faults();
        faults.iter().map(ToString::to_string).collect()
    }

    const OWN: &str = "kind = 'bearer'\nof = 'user'";
    const SERVICE: &str = "kind = 'bearer'\ntoken = 't'";
    const ACCESS: &str = "access = 'pbx.use'";
    const HERE: &str = "peers = ['127.0.0.1:1', '[::1]:1']";

    fn one(credential: &str, route: &str, upstream: &str, path: &str, why: &str) {
        let faults = faults(credential, route, upstream);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with(&format!("{path}: ")), "{faults:?}");
        assert!(faults[0].contains(why), "{faults:?}");
    }

    #[test]
    fn a_credential_for_a_route_is_fine() {
        for credential in [OWN, SERVICE] {
            assert_eq!(faults(credential, ACCESS, HERE), Vec::<String>::new());
        }
        assert_eq!(faults(SERVICE, "public = true", HERE), Vec::<String>::new());
    }

    #[test]
    fn a_credential_that_does_not_exist_is_a_fault() {
        let route = "access = 'pbx.use'\n[[route]]\nname = 's'\npath = '/s'\nupstream = 'pbx'\naccess = 'a'\ncredential = 'd'";
        one(
            SERVICE,
            route,
            HERE,
            "route.s.credential",
            "no [[credential]]",
        );
    }

    #[test]
    fn at_19_a_users_own_credential_is_never_on_a_public_route() {
        one(OWN, "public = true", HERE, "route.r.credential", "public");
    }

    #[test]
    fn at_19_a_credential_does_not_travel_in_clear_unless_that_is_said() {
        for peers in [
            "10.0.0.1:80",
            "localhost:80",
            "pbx.example:80",
            "127.0.0.1.example:80",
        ] {
            let upstream = format!("peers = ['127.0.0.1:1', '{peers}']");
            one(SERVICE, ACCESS, &upstream, "route.r.credential", "insecure");
            let insecure = format!("{SERVICE}\ninsecure = true");
            assert_eq!(faults(&insecure, ACCESS, &upstream), Vec::<String>::new());
            let tls = format!("{upstream}\ntls = true\nserver_name = 'pbx.example'");
            assert_eq!(faults(SERVICE, ACCESS, &tls), Vec::<String>::new());
        }
    }

    #[test]
    fn at_19_a_credential_is_for_one_upstream() {
        let route = "access = 'pbx.use'\n[[route]]\nname = 's'\npath = '/s'\nupstream = 'other'\naccess = 'a'\ncredential = 'c'";
        one(SERVICE, route, HERE, "credential.c.name", "other and pbx");
    }

    #[test]
    fn a_header_that_means_something_else_is_a_fault() {
        for header in ["Host", "X-Callgate-User", "Cookie", "Content-Type"] {
            let credential = format!("{SERVICE}\nheader = '{header}'");
            one(
                &credential,
                ACCESS,
                HERE,
                "credential.c.header",
                "something else",
            );
        }
    }

    #[test]
    fn a_provider_must_be_there_and_keep_its_tokens() {
        let credential = "kind = 'provider'\nprovider = 'idp'";
        one(
            credential,
            ACCESS,
            HERE,
            "credential.c.provider",
            "no [[provider]] `idp`",
        );
        let keeps = |keep: bool| {
            format!(
                "{ACCESS}\n[[provider]]\nname = 'idp'\ntenant = 'acme'\nissuer = 'https://idp.example'\n\
                 client_id = 'gate'\nkeep_tokens = {keep}"
            )
        };
        assert_eq!(faults(credential, &keeps(true), HERE), Vec::<String>::new());
        one(
            credential,
            &keeps(false),
            HERE,
            "credential.c.provider",
            "keep_tokens",
        );
    }
}
