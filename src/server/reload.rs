//! Reload: a whole new version of the configuration, or none of it.

use super::ServerError;
use crate::app::{Services, Version};
use crate::call::Calls;
use crate::config::Config;
use crate::operations::Asked;
use crate::proxy::Site;
use crate::proxy::tls::Certificate;
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

/// Holds the version that serves, and swaps it.
pub(super) struct Reloader {
    path: PathBuf,
    services: Services,
    edge: Arc<ArcSwap<Site>>,
    operations: Arc<ArcSwap<Site>>,
    calls: ArcSwap<Calls>,
    config: ArcSwap<Config>,
    certificate: Option<Arc<Certificate>>,
    /// What listens to the call backends of the version that serves. Whoever holds the lock swaps the version.
    listening: Mutex<JoinSet<()>>,
}

impl Reloader {
    pub(super) fn new(
        path: PathBuf,
        services: Services,
        version: Version,
    ) -> Result<Self, ServerError> {
        let certificate = version
            .config
            .server
            .tls
            .as_ref()
            .map(Certificate::load)
            .transpose()?;
        Ok(Self {
            path,
            services,
            edge: Arc::new(ArcSwap::new(version.edge)),
            operations: Arc::new(ArcSwap::new(version.operations)),
            calls: ArcSwap::new(version.calls),
            config: ArcSwap::from_pointee(version.config),
            certificate: certificate.map(Arc::new),
            listening: Mutex::new(version.listening),
        })
    }

    pub(super) fn edge(&self) -> Arc<ArcSwap<Site>> {
        Arc::clone(&self.edge)
    }

    pub(super) fn operations(&self) -> Arc<ArcSwap<Site>> {
        Arc::clone(&self.operations)
    }

    pub(super) fn calls(&self) -> Arc<Calls> {
        self.calls.load_full()
    }

    pub(super) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Reloads on each SIGHUP.
    pub(super) async fn on_hangup(self: Arc<Self>) {
        let Ok(mut hangups) = signal(SignalKind::hangup()) else {
            tracing::error!("SIGHUP cannot be heard: reload with POST /admin/reload");
            return;
        };
        while hangups.recv().await.is_some() {
            // A failure has been logged, and the old version goes on.
            drop(self.reload().await);
        }
    }

    /// Reloads for each who asks, and tells them how it went.
    pub(super) async fn on_request(self: Arc<Self>, mut asked: Receiver<Asked>) {
        while let Some(answer) = asked.recv().await {
            // Whoever asked may be gone.
            drop(answer.send(self.reload().await));
        }
    }

    async fn reload(&self) -> Result<(), String> {
        // One after the other: the file that was read last is the one that serves.
        let mut listening = self.listening.lock().await;
        let outcome = self.try_reload(&mut listening).await;
        match &outcome {
            Ok(()) => tracing::info!("the configuration was reloaded"),
            Err(error) => {
                tracing::error!(%error, "the configuration was not reloaded; the old one goes on");
            }
        }
        outcome
    }

    /// All that can fail comes first; then everything is swapped.
    async fn try_reload(&self, listening: &mut JoinSet<()>) -> Result<(), String> {
        let config = Config::load(&self.path).map_err(|error| error.to_string())?;
        self.warn_of_what_needs_a_restart(&config);
        let version = self
            .services
            .version(config)
            .await
            .map_err(|error| error.to_string())?;
        if let (Some(certificate), Some(tls)) = (&self.certificate, &version.config.server.tls) {
            certificate.reload(tls).map_err(|error| error.to_string())?;
        }
        self.edge.store(version.edge);
        self.operations.store(version.operations);
        self.calls.store(version.calls);
        self.config.store(Arc::new(version.config));
        *listening = version.listening;
        Ok(())
    }

    fn warn_of_what_needs_a_restart(&self, new: &Config) {
        for setting in needing_restart(&self.config(), new) {
            tracing::warn!(setting, "this setting counts from the next start on");
        }
    }
}

/// The settings that differ and belong to the process, not to a version of its configuration.
fn needing_restart(old: &Config, new: &Config) -> impl Iterator<Item = &'static str> {
    let (was, is) = (&old.server, &new.server);
    let changed = [
        ("server.listen", was.listen != is.listen),
        ("server.threads", was.threads != is.threads),
        ("server.tls", was.tls.is_some() != is.tls.is_some()),
        ("server.keepalive", was.keepalive != is.keepalive),
        (
            "server.client_timeout",
            was.client_timeout != is.client_timeout,
        ),
        (
            "server.tunnel_timeout",
            was.tunnel_timeout != is.tunnel_timeout,
        ),
        ("server.grace", was.grace != is.grace),
        (
            "server.upgrade_socket",
            was.upgrade_socket != is.upgrade_socket,
        ),
        (
            "server.upstream_pool",
            was.upstream_pool != is.upstream_pool,
        ),
        (
            "operations.listen",
            old.operations.listen != new.operations.listen,
        ),
        ("store.url", old.store.url != new.store.url),
        ("tokens.key", old.tokens.key != new.tokens.key),
        ("log.filter", old.log.filter != new.log.filter),
        ("log.format", old.log.format != new.log.format),
        (
            "log.access_file",
            old.log.access_file != new.log.access_file,
        ),
    ];
    changed
        .into_iter()
        .filter_map(|(setting, changed)| changed.then_some(setting))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::metrics::Metrics;
    use crate::operations::Reloads;
    use crate::storage::Store;
    use tokio::runtime::Handle;

    /// Those who still listen.
    async fn listeners(reloader: &Reloader) -> usize {
        let mut listening = reloader.listening.lock().await;
        // Whoever was ended is joined now.
        tokio::task::yield_now().await;
        while listening.try_join_next().is_some() {}
        listening.len()
    }

    #[tokio::test]
    async fn backends_are_listened_to_for_as_long_as_their_version_serves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("callgate.toml");
        let configure = |backends: &[&str]| {
            let backends = backends
                .iter()
                .map(|name| format!("[[backend]]\nname = '{name}'\nkind = 'session'\n"));
            let text = format!(
                "operations.token = 'an-operations-token'\ntokens.key = '0123456789abcdef0123456789abcdef'\n\
                 store.url = 'sqlite:{}'\n{}",
                folder.path().join("callgate.db").display(),
                backends.collect::<String>(),
            );
            std::fs::write(&path, text).unwrap();
        };
        configure(&["store"]);
        let config = Config::load(&path).unwrap();
        let store = Store::migrate(&config.store, &Metrics::new())
            .await
            .unwrap();
        let (reloads, _) = Reloads::channel();
        let (clock, runtime) = (Clock::system(), Handle::current());
        let services = Services::with(store, &config, clock, reloads, runtime);
        let services = services.await.unwrap();
        let version = services.version(config).await.unwrap();
        let reloader = Reloader::new(path.clone(), services, version).unwrap();
        assert_eq!(listeners(&reloader).await, 1);
        configure(&["store", "second"]);
        reloader.reload().await.unwrap();
        assert_eq!(listeners(&reloader).await, 2);
        std::fs::write(&path, "nothing = 1").unwrap();
        reloader.reload().await.unwrap_err();
        assert_eq!(listeners(&reloader).await, 2);
    }
}
