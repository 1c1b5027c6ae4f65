//! Routes: path, methods, what access they require, and who answers.

use crate::error::{Error, Result};
use crate::metrics::{Metrics, RouteMetrics};
use axum::Router;
use axum::routing::MethodRouter;
use http::Method;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a route requires of its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// Nobody is asked who they are.
    Public,
    /// An access such as `calls.create`, or a template of one: `pbx.{extension}.read`.
    Access(Arc<str>),
}

impl Requirement {
    pub fn access(access: &str) -> Self {
        Self::Access(access.into())
    }
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The gateway itself.
    Local,
    Upstream(Forward),
}

/// How a request goes on to an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The upstream's name in the configuration.
    pub upstream: String,
    /// Taken off the front of the path, then `add_prefix` is put there.
    pub strip_prefix: String,
    pub add_prefix: String,
    /// How long the upstream may be silent.
    pub read_timeout: Duration,
    /// The issuer whose token has ended when the answer is a success: it is the last part of the path.
    pub forgets: Option<String>,
    /// The name of the credential that is presented there.
    pub credential: Option<String>,
    /// Headers that go up besides the usual ones.
    pub extra_headers: Vec<http::HeaderName>,
}

#[derive(Debug)]
pub struct Route {
    /// Names the route in metrics and log.
    pub name: String,
    pub methods: Vec<Method>,
    pub requirement: Requirement,
    pub target: Target,
    /// Bytes that a request's body may have.
    pub body_limit: u64,
    pub metrics: RouteMetrics,
}

/// A route as it is declared.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub name: String,
    /// A template as `matchit` reads it: `/rest/call`, `/pbx/{extension}`, `/pbx/{*rest}`.
    pub path: String,
    /// No method means every method.
    pub methods: Vec<Method>,
    pub requirement: Requirement,
    pub target: Target,
    pub body_limit: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    #[error("route `{name}`: the path `{path}` cannot be used: {reason}")]
    Path {
        name: String,
        path: String,
        reason: String,
    },
    #[error("route `{name}`: {path} is taken by route `{other}`")]
    Taken {
        name: String,
        path: String,
        other: String,
    },
}

/// The routes of one listener.
#[derive(Debug, Default)]
pub struct Routes {
    by_path: matchit::Router<Vec<Arc<Route>>>,
    declared: Vec<(String, Arc<Route>)>,
}

/// A route that was found, and the access that it requires of this very request.
#[derive(Debug, Clone)]
pub struct Found<'r> {
    pub route: &'r Arc<Route>,
    /// `None` when the route is public.
    pub required: Option<Arc<str>>,
}

impl Routes {
    pub fn new(declarations: Vec<Declaration>, metrics: &Metrics) -> Result<Self, RouteError> {
        let mut by_template = BTreeMap::<String, Vec<Arc<Route>>>::new();
        for declaration in declarations {
            let path = declaration.path.clone();
            let route = Arc::new(Route::new(declaration, metrics));
            let there = by_template.entry(path.clone()).or_default();
            if let Some(other) = there.iter().find(|other| other.overlaps(&route)) {
                return Err(RouteError::Taken {
                    name: route.name.clone(),
                    path,
                    other: other.name.clone(),
                });
            }
            there.push(route);
        }
        let mut routes = Self::default();
        for (path, there) in by_template {
            let named = there.iter().map(|route| (path.clone(), Arc::clone(route)));
            routes.declared.extend(named);
            routes.insert(path, there)?;
        }
        Ok(routes)
    }

    /// All routes, each with its path or template.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Route)> {
        self.declared
            .iter()
            .map(|(path, route)| (path.as_str(), route.as_ref()))
    }

    /// Finds the route of a canonical path.
    pub fn find(&self, method: &Method, path: &str) -> Result<Found<'_>> {
        let found = self.by_path.at(path).map_err(|_| Error::NotFound)?;
        let route = found
            .value
            .iter()
            .find(|route| route.takes(method))
            .ok_or_else(|| Error::MethodNotAllowed(allowed(found.value)))?;
        let required = match &route.requirement {
            Requirement::Public => None,
            Requirement::Access(template) => Some(fill(template, &found.params)),
        };
        Ok(Found { route, required })
    }

    fn insert(&mut self, path: String, routes: Vec<Arc<Route>>) -> Result<(), RouteError> {
        let name = routes.first().map_or_else(String::new, |r| r.name.clone());
        let inserted = self.by_path.insert(path.clone(), routes);
        inserted.map_err(|error| RouteError::Path {
            name,
            path,
            reason: error.to_string(),
        })
    }
}

impl Route {
    fn new(declaration: Declaration, metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.route(&declaration.name),
            name: declaration.name,
            methods: declaration.methods,
            requirement: declaration.requirement,
            target: declaration.target,
            body_limit: declaration.body_limit,
        }
    }

    /// HEAD is answered where GET is (RFC 9110 §9.3.2).
    fn takes(&self, method: &Method) -> bool {
        let asked = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.methods.is_empty() || self.methods.contains(asked) || self.methods.contains(method)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.methods.is_empty()
            || other.methods.is_empty()
            || self.methods.iter().any(|m| other.methods.contains(m))
    }
}

/// Puts path values into a template of an access. A dot in a value would make two words of it: Wazo writes `_`.
fn fill(template: &Arc<str>, params: &matchit::Params<'_, '_>) -> Arc<str> {
    if !template.contains('{') {
        return Arc::clone(template);
    }
    let mut access = String::from(&**template);
    for (name, value) in params.iter() {
        access = access.replace(&format!("{{{name}}}"), &value.replace('.', "_"));
    }
    access.into()
}

fn allowed(routes: &[Arc<Route>]) -> String {
    let methods: Vec<_> = routes
        .iter()
        .flat_map(|route| &route.methods)
        .map(Method::as_str)
        .collect();
    methods.join(", ")
}

/// Endpoints that the gateway answers itself: for each the access and the handler, side by side.
#[derive(Default)]
pub struct Endpoints {
    pub declarations: Vec<Declaration>,
    pub router: Router,
}

/// The body of a request that the gateway answers itself, in bytes.
const LOCAL_BODY_LIMIT: u64 = 64 * 1024;

impl Endpoints {
    /// An endpoint that requires `access`.
    #[must_use]
    pub fn on(
        self,
        method: Method,
        path: &str,
        access: &'static str,
        handler: MethodRouter,
    ) -> Self {
        self.add(method, path, Requirement::access(access), handler)
    }

    /// An endpoint for which nobody is asked who they are: it sees to that itself, or need not.
    #[must_use]
    pub fn public(self, method: Method, path: &str, handler: MethodRouter) -> Self {
        self.add(method, path, Requirement::Public, handler)
    }

    /// A further method of an endpoint whose handler is there already.
    #[must_use]
    pub fn also(mut self, method: Method, path: &str, access: &'static str) -> Self {
        self.declare(method, path, Requirement::access(access));
        self
    }

    /// A further method of an endpoint that is public, whose handler is there already.
    #[must_use]
    pub fn also_public(mut self, method: Method, path: &str) -> Self {
        self.declare(method, path, Requirement::Public);
        self
    }

    /// The endpoints of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.declarations.extend(other.declarations);
        self.router = self.router.merge(other.router);
        self
    }

    fn add(
        mut self,
        method: Method,
        path: &str,
        requirement: Requirement,
        handler: MethodRouter,
    ) -> Self {
        self.declare(method, path, requirement);
        self.router = self.router.route(path, handler);
        self
    }

    fn declare(&mut self, method: Method, path: &str, requirement: Requirement) {
        self.declarations.push(Declaration {
            name: path.to_owned(),
            path: path.to_owned(),
            methods: vec![method],
            requirement,
            target: Target::Local,
            body_limit: LOCAL_BODY_LIMIT,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_a_path_with_a_parameter_are_routes_of_their_own() {
        let path = "/users/{id}";
        let endpoints = Endpoints::default()
            .on(
                Method::GET,
                path,
                "users.read",
                axum::routing::any(async || ()),
            )
            .also(Method::PATCH, path, "users.update");
        let routes = Routes::new(endpoints.declarations, &Metrics::new()).unwrap();
        let required = |method| routes.find(&method, "/users/7").unwrap().required;
        assert_eq!(required(Method::GET).as_deref(), Some("users.read"));
        assert_eq!(required(Method::PATCH).as_deref(), Some("users.update"));
    }
}
