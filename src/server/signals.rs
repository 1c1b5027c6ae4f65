//! Signals: SIGTERM and SIGINT end the process gracefully, SIGQUIT hands its listeners over.

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) struct Signals {
    under_way: Arc<AtomicUsize>,
}

impl Signals {
    /// `under_way` counts the requests that a graceful end waits for.
    pub(super) fn new(under_way: Arc<AtomicUsize>) -> Self {
        Self { under_way }
    }
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let mut terminate = signal(SignalKind::terminate()).ok();
        let mut interrupt = signal(SignalKind::interrupt()).ok();
        let mut quit = signal(SignalKind::quit()).ok();
        let asked = tokio::select! {
            () = heard(&mut terminate) => ShutdownSignal::GracefulTerminate,
            () = heard(&mut interrupt) => ShutdownSignal::GracefulTerminate,
            () = heard(&mut quit) => ShutdownSignal::GracefulUpgrade,
        };
        // Pingora's grace is a sleep, even when there is nobody to wait for.
        if matches!(asked, ShutdownSignal::GracefulTerminate) && self.is_soon_idle().await {
            return ShutdownSignal::FastShutdown;
        }
        asked
    }
}

impl Signals {
    /// Whether the requests under way end within a moment, as a probe of `/readyz` does.
    async fn is_soon_idle(&self) -> bool {
        for _ in 0..20 {
            if self.under_way.load(Ordering::Relaxed) == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Calls `ready` as soon as the address accepts connections.
pub(super) async fn once_listening(address: SocketAddr, ready: impl FnOnce()) {
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ready();
}
