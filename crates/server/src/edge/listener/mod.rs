//! The listener: connections whose other end must get on with it.

mod full;
mod patient;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, TcpStream};

pub(crate) use full::Places;
use patient::{Patient, Phase};

/// How long a client may take for each part of its visit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// From the first byte of a request, or from the connection's start, to the end of its head.
    pub head: Duration,
    /// From an answer to the first byte of the next request. Longer than the usual proxy's, which would else send a
    /// request into a connection that is being closed.
    pub idle: Duration,
    /// From the end of the head to the answer: the body's way here is in it.
    pub request: Duration,
    /// For taking an answer.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(15), idle: seconds(75), request: seconds(10), answer: seconds(30) }
    }
}

/// A listener whose connections keep to the timeouts.
pub(crate) struct Listener {
    pub(crate) inner: TcpListener,
    pub(crate) timeouts: Timeouts,
    pub(crate) places: Places,
}

impl axum::serve::Listener for Listener {
    type Io = Patient<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, address)) => {
                    // Answers are small and whole: waiting for more to send with them only costs time.
                    let _unchanged = stream.set_nodelay(true);
                    if let Some((stream, place)) = self.places.take(stream) {
                        return (Patient::new(stream, self.timeouts, Some(place)), address);
                    }
                }
                Err(error) if of_the_connection(error.kind()) => {}
                Err(error) => {
                    // No file descriptor is left, most likely: others must end first.
                    tracing::error!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

fn of_the_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// The other end of a connection, and how far the connection is.
#[derive(Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    phase: Arc<Phase>,
}

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        Self { address: *stream.remote_addr(), phase: stream.io().phase() }
    }
}

/// Tells each connection when it is at work, so that it waits for nobody then.
pub(crate) fn watched(router: Router) -> Router {
    router.layer(middleware::from_fn(watch))
}

async fn watch(ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(ConnectInfo(peer.address));
    let _at_work = peer.phase.at_work();
    next.run(request).await
}

#[cfg(test)]
mod tests;
