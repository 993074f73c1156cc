//! Databases for tests, on the PostgreSQL server that `STILE_TEST_POSTGRES` names: the URL of an administrator,
//! such as `postgres:///postgres?host=/tmp/folder&user=postgres`. The server's suite shares this file.

use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use stile_core::Micros;
use stile_store::Store;
use tokio_postgres::{Client, NoTls};

const TEMPLATE: &str = "stile_test_template";

/// A migrated, empty database that goes away with its test.
pub(crate) struct Database {
    name: String,
}

impl Database {
    /// A copy of a template, which the first test makes.
    pub(crate) fn new() -> Self {
        static READY: OnceLock<()> = OnceLock::new();
        READY.get_or_init(|| apart(make_template()));
        Self::copy_of(TEMPLATE)
    }

    /// One without tables.
    pub(crate) fn empty() -> Self {
        Self::copy_of("template0 ENCODING 'UTF8'")
    }

    pub(crate) fn copy_of(template: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("stile_test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        apart(admin(format!("CREATE DATABASE {name} TEMPLATE {template}")));
        Self { name }
    }

    pub(crate) fn url(&self) -> String {
        url(&self.name)
    }

    /// A connection that knows nothing of the store.
    pub(crate) async fn raw(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        apart(admin(format!("DROP DATABASE {} WITH (FORCE)", self.name)));
    }
}

/// The server, if one is named.
pub(crate) fn server() -> Option<String> {
    let named = env::var("STILE_TEST_POSTGRES").ok()?;
    // The driver would try both hosts of `user@localhost/database?host=/folder`, libpq takes the latter.
    Some(if named.contains("host=/") { named.replacen("@localhost/", "@/", 1) } else { named })
}

fn url(database: &str) -> String {
    let admin = server().unwrap();
    let (place, options) = admin.split_once('?').unwrap_or((&admin, ""));
    let (host, _) = place.rsplit_once('/').unwrap();
    format!("{host}/{database}?{options}")
}

/// A connection that knows nothing of the store.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn admin(sql: String) {
    connect(&server().unwrap()).await.batch_execute(&sql).await.unwrap();
}

/// Other test programs may be doing the same: one at a time. A template of another version is made anew.
async fn make_template() {
    let admin = connect(&server().unwrap()).await;
    admin.batch_execute("SELECT pg_advisory_lock(7238151409113)").await.unwrap();
    if Store::postgres(&url(TEMPLATE), Micros::new(0)).await.is_err() {
        let make = format!("CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8'");
        for sql in [format!("DROP DATABASE IF EXISTS {TEMPLATE}"), make] {
            admin.batch_execute(&sql).await.unwrap();
        }
        Store::postgres(&url(TEMPLATE), Micros::new(0)).await.unwrap();
    }
}

/// Runs it to its end on a thread of its own, so that it can be called from everywhere.
pub(crate) fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime.block_on(work)).join().unwrap()
}
