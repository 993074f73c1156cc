//! One connection: its driver, and the statements that were prepared on it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error, Statement};

use super::statement::dollars;

pub(super) struct Connection {
    pub(super) client: Client,
    driver: JoinHandle<()>,
    /// By place and length of the text, which lives as long as the program.
    prepared: Mutex<HashMap<(usize, usize), Statement>>,
}

impl Connection {
    pub(super) fn new(client: Client, driver: JoinHandle<()>) -> Self {
        Self { client, driver, prepared: Mutex::default() }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Closes the connection now, without waiting for answers.
    pub(super) fn cut(&self) {
        self.driver.abort();
    }

    /// The statement, prepared at its first use on this connection.
    pub(super) async fn statement(&self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(known) = self.known(sql) {
            return Ok(known);
        }
        let statement = self.client.prepare(&dollars(sql)).await?;
        self.prepared().insert(key(sql), statement.clone());
        Ok(statement)
    }

    /// The statements of these texts; all that are new are prepared at once.
    pub(super) async fn statements(&self, texts: &[&'static str]) -> Result<Vec<Statement>, Error> {
        let mut new: Vec<&'static str> =
            texts.iter().copied().filter(|sql| self.known(sql).is_none()).collect();
        new.sort_unstable();
        new.dedup();
        let requests = new.into_iter().map(|sql| boxed(self.statement(sql))).collect();
        let mut answers = Answers::send(requests).await;
        while let Some(answer) = answers.next().await {
            answer?;
        }
        let mut statements = Vec::with_capacity(texts.len());
        for sql in texts {
            statements.push(self.statement(sql).await?);
        }
        Ok(statements)
    }

    fn known(&self, sql: &'static str) -> Option<Statement> {
        self.prepared().get(&key(sql)).cloned()
    }

    fn prepared(&self) -> MutexGuard<'_, HashMap<(usize, usize), Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(sql: &'static str) -> (usize, usize) {
    (sql.as_ptr().addr(), sql.len())
}

pub(super) type Request<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) fn boxed<'a, T>(request: impl Future<Output = T> + Send + 'a) -> Request<'a, T> {
    Box::pin(request)
}

/// Requests that were sent together, in their order, and whose answers are taken one by one.
pub(super) struct Answers<'a, T> {
    waiting: std::vec::IntoIter<(Request<'a, T>, Option<T>)>,
}

impl<'a, T> Answers<'a, T> {
    /// Sends them all. The driver sends a request when it is polled for the first time.
    pub(super) async fn send(mut requests: Vec<Request<'a, T>>) -> Self {
        let mut early: Vec<Option<T>> = Vec::with_capacity(requests.len());
        std::future::poll_fn(|cx| {
            for request in &mut requests {
                early.push(match request.as_mut().poll(cx) {
                    Poll::Ready(answer) => Some(answer),
                    Poll::Pending => None,
                });
            }
            Poll::Ready(())
        })
        .await;
        let waiting: Vec<_> = requests.into_iter().zip(early).collect();
        Self { waiting: waiting.into_iter() }
    }

    /// The next answer, in the order of sending.
    pub(super) async fn next(&mut self) -> Option<T> {
        let (request, early) = self.waiting.next()?;
        match early {
            Some(answer) => Some(answer),
            None => Some(request.await),
        }
    }
}
