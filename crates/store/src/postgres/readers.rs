//! Reads: on a few connections that all callers share. What they send at one time travels together, and one
//! round trip serves them all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::timeout;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::PATIENCE;
use super::connection::Connection;
use super::fault::{goes_on, said};
use super::link::Link;
use super::value::{params, row};
use crate::error::StoreError;
use crate::value::{Row, Value};

const CONNECTIONS: usize = 2;

#[derive(Default)]
pub(super) struct Readers {
    places: [Place; CONNECTIONS],
    turn: AtomicUsize,
}

#[derive(Default)]
struct Place {
    live: Mutex<Option<Arc<Connection>>>,
    /// Held while a connection is made, so that many who miss one make one.
    making: tokio::sync::Mutex<()>,
}

impl Readers {
    pub(super) async fn rows(
        &self,
        link: &Link,
        sql: &'static str,
        args: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match timeout(PATIENCE, self.twice(link, sql, args)).await {
            Ok(Ok(found)) => found.iter().map(row).collect(),
            Ok(Err(error)) => Err(StoreError::Engine(said(&error))),
            Err(_) => Err(StoreError::Engine("it does not answer".into())),
        }
    }

    /// A read changes nothing, so one whose connection is lost may be made again.
    async fn twice(
        &self,
        link: &Link,
        sql: &'static str,
        args: &[Value],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        let place = &self.places[self.turn.fetch_add(1, Ordering::Relaxed) % CONNECTIONS];
        let connection = place.connection(link).await?;
        match query(&connection, sql, args).await {
            Err(error) if !goes_on(&error) => {
                place.give_up(&connection);
                query(&*place.connection(link).await?, sql, args).await
            }
            answer => answer,
        }
    }
}

async fn query(
    connection: &Connection,
    sql: &'static str,
    args: &[Value],
) -> Result<Vec<tokio_postgres::Row>, Error> {
    let statement = connection.statement(sql).await?;
    let params = params(args);
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
    connection.client.query(&statement, &params).await
}

impl Place {
    async fn connection(&self, link: &Link) -> Result<Arc<Connection>, Error> {
        if let Some(connection) = self.alive() {
            return Ok(connection);
        }
        let _turn = self.making.lock().await;
        if let Some(connection) = self.alive() {
            return Ok(connection);
        }
        let connection = Arc::new(link.connect().await?);
        *self.live() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn alive(&self) -> Option<Arc<Connection>> {
        self.live().as_ref().filter(|connection| !connection.is_closed()).cloned()
    }

    /// Lets nobody else begin on it; those who wait for an answer may still get one.
    fn give_up(&self, connection: &Arc<Connection>) {
        self.live().take_if(|live| Arc::ptr_eq(live, connection));
    }

    fn live(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
