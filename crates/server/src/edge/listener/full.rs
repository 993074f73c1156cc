//! A bound on connections. Those beyond it get a 503 that says when to come back, without being read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::response::IntoResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::state::error::{ApiError, Code};

/// How many refusals may be on their way at once. Connections beyond these are closed without a word.
const REFUSALS: usize = 256;
/// How often the log says that all places are taken.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Places for connections.
pub(crate) struct Places {
    most: usize,
    free: Arc<Semaphore>,
    /// For refusals that are on their way.
    pub(super) refusals: Arc<Semaphore>,
    /// How long one may take to read its refusal.
    pub(super) patience: Duration,
    told: Option<Instant>,
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        let semaphore = |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self {
            most,
            free: semaphore(most),
            refusals: semaphore(REFUSALS),
            patience: Duration::from_secs(2),
            told: None,
        }
    }

    /// A place for this connection. When there is none, the connection is refused and closed.
    pub(super) fn take(&mut self, stream: TcpStream) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Some((stream, place));
        }
        let now = now();
        if self.told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY) {
            self.told = Some(now);
            tracing::warn!(most = self.most, "all connections are taken; further clients are answered 503");
        }
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            let patience = self.patience;
            tokio::spawn(async move {
                let _late = timeout(patience, refuse(stream)).await;
                drop(permit);
            });
        }
        None
    }
}

async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let (head, body) = ApiError::from(Code::Busy).into_response().into_parts();
    let body = to_bytes(body, 1_024).await.map_err(io::Error::other)?;
    // It holds no data, so every page may read it.
    let mut answer = format!(
        "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\naccess-control-allow-origin: *\r\n\
         access-control-expose-headers: retry-after\r\n",
        head.status,
        body.len()
    );
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str() {
            answer += &format!("{name}: {value}\r\n");
        }
    }
    answer += "\r\n";
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await?;
    // Closing with something unread would reset the connection, and the client might lose the answer.
    let mut unread = [0; 1_024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a pause between log lines is measured on no clock that moves")]
fn now() -> Instant {
    Instant::now()
}
