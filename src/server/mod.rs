//! The server: listeners, signals, reload, shutdown and hand-over.

mod reload;
mod signals;

use crate::app::{AppError, Services, Version};
use crate::clock::Clock;
use crate::config::Config;
use crate::operations::Reloads;
use crate::proxy::tls::CertificateError;
use crate::proxy::{AccessLog, Patience, Proxy, Site, Watched};
use arc_swap::ArcSwap;
use pingora::apps::HttpServerOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{RunArgs, Server};
use pingora::services::listening::Service;
use reload::Reloader;
use signals::Signals;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

type Listener = Service<Watched<Patience<HttpProxy<Proxy>>>>;

/// How a process is started.
#[derive(Debug, Clone)]
pub struct Start {
    /// The configuration, read again on reload.
    pub path: PathBuf,
    pub config: Config,
    /// Take the listeners over from the process that runs (zero-downtime upgrade).
    pub upgrade: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    App(#[from] AppError),
    #[error("server.tls: {0}")]
    Certificate(#[from] CertificateError),
    #[error("server.tls: {0}")]
    Tls(String),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("log.access_file: {0}")]
    AccessLog(std::io::Error),
}

/// Serves until a signal ends it; `ready` is called once the listeners answer. Returns when the requests under way
/// have ended or have had their time.
pub fn serve(start: &Start, ready: impl FnOnce() + Send + 'static) -> Result<(), ServerError> {
    // Of our own, made before Pingora's: the store and calls live here until all requests are done.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("callgate")
        .enable_all()
        .build()
        .map_err(ServerError::Runtime)?;
    let (reloads, asked) = Reloads::channel();
    let running = runtime.block_on(Running::start(start, reloads, runtime.handle()))?;
    if !start.upgrade {
        running.check_addresses()?;
    }
    let server = running.server(start)?;
    runtime.spawn(running.clone().keep_house());
    runtime.spawn(Arc::clone(&running.reloader).on_request(asked));
    runtime.spawn(Arc::clone(&running.reloader).on_hangup());
    runtime.spawn(signals::once_listening(
        start.config.operations.listen,
        ready,
    ));
    server.run(RunArgs {
        shutdown_signal: Box::new(Signals::new(Arc::clone(&running.under_way))),
    });
    running.access_log.flush();
    tracing::info!("stopped");
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(())
}

/// What a running process holds.
#[derive(Clone)]
struct Running {
    services: Services,
    reloader: Arc<Reloader>,
    access_log: AccessLog,
    under_way: Arc<AtomicUsize>,
}

impl Running {
    async fn start(
        start: &Start,
        reloads: Reloads,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Self, ServerError> {
        let services =
            Services::start(&start.config, Clock::system(), reloads, runtime.clone()).await?;
        let version: Version = services.version(start.config.clone()).await?;
        let access_file = start.config.log.access_file.as_deref();
        let access_log = AccessLog::start(access_file, services.metrics.clone())
            .map_err(ServerError::AccessLog)?;
        let reloader = Reloader::new(start.path.clone(), services.clone(), version)?;
        Ok(Self {
            services,
            reloader: Arc::new(reloader),
            access_log,
            under_way: Arc::default(),
        })
    }

    async fn keep_house(self) {
        let reloader = self.reloader;
        self.services
            .keep_house(|| reloader.calls(), || reloader.config())
            .await;
    }

    /// Pingora would end the process without a word when an address is taken.
    fn check_addresses(&self) -> Result<(), ServerError> {
        let config = self.reloader.config();
        for address in [config.server.listen, config.operations.listen] {
            let socket = TcpListener::bind(address);
            socket.map_err(|source| ServerError::Listen { address, source })?;
        }
        Ok(())
    }

    fn server(&self, start: &Start) -> Result<Server, ServerError> {
        let options = Opt {
            upgrade: start.upgrade,
            ..Opt::default()
        };
        let mut server = Server::new_with_opt_and_conf(options, conf(&start.config));
        let edge = self.edge(&server, start)?;
        let operations = self.operations(&server, start);
        server.bootstrap();
        server.add_service(edge);
        server.add_service(operations);
        Ok(server)
    }

    fn edge(&self, server: &Server, start: &Start) -> Result<Listener, ServerError> {
        let settings = &start.config.server;
        let address = settings.listen.to_string();
        let mut edge = self.service(server, start, self.reloader.edge(), settings.tls.is_some());
        let (Some(tls), Some(certificate)) = (&settings.tls, self.reloader.certificate()) else {
            edge.add_tcp(&address);
            return Ok(edge);
        };
        let (chain, key) = (
            tls.certificate.display().to_string(),
            tls.key.display().to_string(),
        );
        let mut tls = TlsSettings::intermediate(&chain, &key)
            .map_err(|error| ServerError::Tls(error.to_string()))?;
        tls.set_cert_resolver(certificate);
        tls.enable_h2();
        edge.add_tls_with_settings(&address, None, tls);
        Ok(edge)
    }

    fn operations(&self, server: &Server, start: &Start) -> Listener {
        let mut operations = self.service(server, start, self.reloader.operations(), false);
        operations.threads = Some(1);
        operations.add_tcp(&start.config.operations.listen.to_string());
        operations
    }

    fn service(
        &self,
        server: &Server,
        start: &Start,
        site: Arc<ArcSwap<Site>>,
        https: bool,
    ) -> Listener {
        let settings = &start.config.server;
        let proxy = Proxy {
            site,
            runtime: self.services.runtime.clone(),
            access_log: self.access_log.clone(),
            under_way: Arc::clone(&self.under_way),
            keepalive: settings.keepalive,
            client_timeout: settings.client_timeout,
            tunnel_timeout: settings.tunnel_timeout,
            https,
            unrouted: self.services.metrics.route("none"),
        };
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        options.h2_idle_timeout = Some(settings.keepalive);
        let proxy = http_proxy(&server.configuration, proxy);
        let (patience, keepalive) = (settings.client_timeout, settings.keepalive);
        let name = if https { "tls" } else { "plain" };
        let patient = Patience::new(proxy, options, patience, keepalive);
        Service::new(name.to_owned(), Watched::new(patient))
    }
}

fn conf(config: &Config) -> ServerConf {
    let settings = &config.server;
    ServerConf {
        threads: match settings.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        },
        grace_period_seconds: Some(settings.grace.as_secs()),
        graceful_shutdown_timeout_seconds: Some(2),
        upgrade_sock: settings.upgrade_socket.display().to_string(),
        pid_file: settings
            .upgrade_socket
            .with_extension("pid")
            .display()
            .to_string(),
        upstream_keepalive_pool_size: settings.upstream_pool,
        // Attempts to connect, in all: nothing is ever sent twice.
        max_retries: 3,
        ..ServerConf::default()
    }
}
