//! A stream with patience, but not without end.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

use super::Timeouts;

/// How many requests of a connection are at work, and how many have been answered.
#[derive(Default)]
pub(crate) struct Phase {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// A request at work, until it is dropped.
pub(crate) struct AtWork<'a>(&'a Phase);

impl Phase {
    pub(crate) fn at_work(&self) -> AtWork<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        AtWork(self)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// A stream that gives up a client who takes too long.
pub(crate) struct Patient<S> {
    stream: S,
    timeouts: Timeouts,
    phase: Arc<Phase>,
    /// For the next request; begun anew when `answered` is out of date.
    request: Pin<Box<Sleep>>,
    answered: usize,
    /// Whether a part of the next request is here.
    begun: bool,
    answer: Pin<Box<Sleep>>,
    /// Whether an answer waits for the client to take it.
    stuck: bool,
    /// Whether something was written that was not flushed yet.
    wrote: bool,
    /// Its place among the connections, given back when it is dropped.
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, timeouts: Timeouts, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            stream,
            timeouts,
            phase: Arc::default(),
            // Whoever connects has something to say.
            request: Box::pin(sleep(timeouts.head)),
            answered: 0,
            begun: true,
            answer: Box::pin(sleep(timeouts.answer)),
            stuck: false,
            wrote: false,
            _place: place,
        }
    }

    pub(crate) fn phase(&self) -> Arc<Phase> {
        Arc::clone(&self.phase)
    }

    /// Whether the client is the one to do something. Begins to count when that is new.
    fn waits_for_client(&mut self) -> bool {
        let ended = self.phase.ended.load(Ordering::SeqCst);
        if ended != self.answered {
            self.answered = ended;
            self.begun = false;
            self.request.set(sleep(self.timeouts.idle));
        }
        self.phase.begun.load(Ordering::SeqCst) == ended
    }

    /// What a write came to: one that does not get on is given up after a while.
    fn written<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            if !self.stuck {
                self.stuck = true;
                self.answer.set(sleep(self.timeouts.answer));
            }
            ready!(self.answer.as_mut().poll(cx));
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        self.wrote = true;
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if !self.waits_for_client() {
            return outcome;
        }
        if outcome.is_pending() {
            ready!(self.request.as_mut().poll(cx));
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        if !self.begun && buffer.filled().len() > before {
            // From its first byte on, and not anew with every byte.
            self.begun = true;
            let head = self.timeouts.head;
            self.request.set(sleep(head));
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for when all has been written: only then the client has kept up.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.stuck = false;
        if std::mem::take(&mut self.wrote) {
            // The connection knows that nothing was here to read a moment ago, and would not ask again: but only
            // where it asks can the waiting for the next request begin.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
