//! The engines under test: SQLite, and PostgreSQL where `STILE_TEST_POSTGRES` names a server (`database.rs`).
//! `STILE_TEST_ENGINE=sqlite` or `=postgres` leaves it at one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use stile_store::{CommitError, Miss, Mutation, Step, Store};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, block_in_place};

use crate::postgres::database::{Database, server};
use crate::world::NOW;

/// An empty, migrated database that goes away with its test.
pub(crate) struct Db {
    pub(crate) store: Store,
    place: Place,
}

enum Place {
    Sqlite { folder: TempDir },
    Postgres(Database),
}

impl Db {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&file(&folder), NOW).unwrap();
        Self { store, place: Place::Sqlite { folder } }
    }

    async fn postgres() -> Self {
        let database = Database::new();
        let store = Store::postgres(&database.url(), NOW).await.unwrap();
        Self { store, place: Place::Postgres(database) }
    }

    /// A second handle on the same database, as another process or node would have.
    pub(crate) fn again(&self) -> Store {
        match &self.place {
            Place::Sqlite { folder } => Store::sqlite(&file(folder), NOW).unwrap(),
            Place::Postgres(database) => {
                block_in_place(|| Handle::current().block_on(Store::postgres(&database.url(), NOW)).unwrap())
            }
        }
    }

    /// The file of an embedded database.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.place {
            Place::Sqlite { folder } => file(folder),
            Place::Postgres(_) => panic!("it has no file"),
        }
    }

    /// The database on a server.
    pub(crate) fn database(&self) -> &Database {
        match &self.place {
            Place::Postgres(database) => database,
            Place::Sqlite { .. } => panic!("it has no server"),
        }
    }

    /// Commits steps that must succeed.
    pub(crate) async fn done(&self, steps: impl IntoIterator<Item = Step>) {
        self.store.commit(Mutation::new(steps)).await.unwrap();
    }

    /// Commits steps of which one must miss, and answers its name.
    pub(crate) async fn missed(&self, steps: impl IntoIterator<Item = Step>) -> Miss {
        match self.store.commit(Mutation::new(steps)).await {
            Err(CommitError::Missed(miss)) => miss,
            other => panic!("expected a miss, got {other:?}"),
        }
    }
}

fn file(folder: &TempDir) -> PathBuf {
    Path::join(folder.path(), "stile.db")
}

/// Runs a test on a fresh database of each engine.
#[expect(clippy::print_stdout, reason = "the runner shows it when the test fails")]
pub(crate) fn each(test: impl AsyncFn(Db)) {
    if asked("sqlite") {
        println!("on SQLite");
        run(test(Db::sqlite()));
    }
    on_postgres(test);
}

/// Runs a test on a fresh database of the engine for several nodes, if there is one.
#[expect(clippy::print_stdout, reason = "the runner shows it when the test fails")]
pub(crate) fn on_postgres(test: impl AsyncFn(Db)) {
    static TOLD: Once = Once::new();
    if server().is_none() {
        assert!(asked("sqlite"), "STILE_TEST_ENGINE=postgres needs a server in STILE_TEST_POSTGRES");
        // Past the test runner, which shows no output of tests that pass.
        TOLD.call_once(|| {
            let told =
                writeln!(std::io::stderr(), "PostgreSQL is not tested: STILE_TEST_POSTGRES names no server");
            told.unwrap();
        });
    } else if asked("postgres") {
        println!("on PostgreSQL");
        run(async { test(Db::postgres().await).await });
    }
}

fn asked(engine: &str) -> bool {
    std::env::var("STILE_TEST_ENGINE").map_or(true, |only| only == engine)
}

/// Runs a future on a few real threads, so that what is parallel in a test is parallel in the store.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Commits all mutations at once, spread over the handles; the answers are in the order of the mutations.
pub(crate) async fn all_at_once(
    handles: &[&Store],
    mutations: Vec<Mutation>,
) -> Vec<Result<(), CommitError>> {
    let mut tasks = JoinSet::new();
    for (i, mutation) in mutations.into_iter().enumerate() {
        let store = handles[i % handles.len()].clone();
        tasks.spawn(async move { (i, store.commit(mutation).await) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(i, _)| *i);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// How many succeeded; every other one must have missed with this name.
pub(crate) fn winners(answers: &[Result<(), CommitError>], miss: Miss) -> usize {
    let lost = Err(CommitError::Missed(miss));
    assert!(
        answers.iter().all(|a| a.is_ok() || *a == lost),
        "an answer is neither Ok nor {lost:?}: {answers:?}"
    );
    answers.iter().filter(|a| a.is_ok()).count()
}
