//! The engines under test. A new engine is one more line in `ENGINES` and one more `Place`.

use std::path::{Path, PathBuf};

use stile_store::{CommitError, Miss, Mutation, Step, Store};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::world::NOW;

/// Makes an empty database of each engine.
const ENGINES: [fn() -> Db; 1] = [Db::sqlite];

/// An empty, migrated database that goes away with its test.
pub(crate) struct Db {
    pub(crate) store: Store,
    place: Place,
}

enum Place {
    Sqlite { folder: TempDir },
}

impl Db {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&file(&folder), NOW).unwrap();
        Self { store, place: Place::Sqlite { folder } }
    }

    /// A second handle on the same database, as another process or node would have.
    pub(crate) fn again(&self) -> Store {
        match &self.place {
            Place::Sqlite { folder } => Store::sqlite(&file(folder), NOW).unwrap(),
        }
    }

    /// The file of an embedded database.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.place {
            Place::Sqlite { folder } => file(folder),
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
pub(crate) fn each(test: impl AsyncFn(Db)) {
    for engine in ENGINES {
        run(test(engine()));
    }
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
