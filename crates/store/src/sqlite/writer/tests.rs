//! Groups that are lost as a whole, on tables made for that.

use super::*;
use crate::mutation::{Miss, Step};

const TABLES: &str = "
    PRAGMA foreign_keys = ON;
    CREATE TABLE used (key INTEGER NOT NULL PRIMARY KEY);
    CREATE TABLE big (bytes BLOB NOT NULL);
    CREATE TABLE child (owner INTEGER NOT NULL REFERENCES used (key) DEFERRABLE INITIALLY DEFERRED);";

fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(TABLES).unwrap();
    db
}

fn consume() -> Mutation {
    Mutation::new([Step::one(
        "INSERT INTO used VALUES (1) ON CONFLICT DO NOTHING",
        Vec::new(),
        Miss::AlreadyUsed,
    )])
}

fn any(sql: &'static str) -> Mutation {
    Mutation::new([Step::any(sql, Vec::new())])
}

/// The answers of one group, in the order of its mutations.
fn answers(db: &Connection, mutations: Vec<Mutation>) -> Vec<Result<(), CommitError>> {
    let group = mutations.into_iter().map(|mutation| Job { mutation, done: oneshot::channel().0 }).collect();
    commit(db, group).into_iter().map(|(_, answer)| answer).collect()
}

fn used(db: &Connection) -> i64 {
    db.query_row("SELECT COUNT(*) FROM used", [], |r| r.get(0)).unwrap()
}

fn all_failed(answers: &[Result<(), CommitError>], why: &str) {
    let failed =
        |a: &Result<(), CommitError>| matches!(a, Err(CommitError::Failed(text)) if text.contains(why));
    assert!(answers.iter().all(failed), "{answers:?}");
}

#[test]
fn a_group_answers_each_for_itself() {
    let db = database();
    let missed = Err(CommitError::Missed(Miss::AlreadyUsed));
    assert_eq!(answers(&db, vec![consume(), consume()]), [Ok(()), missed.clone()]);
    assert_eq!(answers(&db, vec![consume()]), [missed]);
}

#[test]
fn when_the_commit_fails_nobody_is_told_of_what_did_not_happen() {
    let db = database();
    // The second misses only for what the first wrote; the third makes the commit fail.
    let group = vec![consume(), consume(), any("INSERT INTO child VALUES (99)")];
    let answers_of = answers(&db, group);
    assert_eq!(answers_of.len(), 3);
    all_failed(&answers_of, "FOREIGN KEY");
    assert_eq!(used(&db), 0);
    assert_eq!(answers(&db, vec![consume()]), [Ok(())], "the connection goes on");
}

#[test]
fn when_the_disk_is_full_in_the_middle_the_whole_group_hears_it() {
    let db = database();
    db.pragma_update_and_check(None, "max_page_count", 20, |_| Ok(())).unwrap();
    let group = vec![
        consume(),
        consume(),
        any("INSERT INTO big VALUES (zeroblob(1000000))"),
        any("DELETE FROM used"),
    ];
    let answers_of = answers(&db, group);
    assert_eq!(answers_of.len(), 4);
    all_failed(&answers_of, "full");
    assert_eq!(used(&db), 0);
    db.pragma_update_and_check(None, "max_page_count", 2_000, |_| Ok(())).unwrap();
    let again = vec![consume(), any("INSERT INTO big VALUES (zeroblob(1000000))")];
    assert_eq!(answers(&db, again), [Ok(()), Ok(())]);
}

#[test]
fn a_mutation_that_breaks_its_savepoint_takes_the_transaction_with_it() {
    let db = database();
    let breaks = Mutation::new([
        Step::any("INSERT INTO used VALUES (2)", Vec::new()),
        // Stands for whatever keeps a savepoint from being closed.
        Step::any("RELEASE job", Vec::new()),
    ]);
    let answers_of = answers(&db, vec![consume(), breaks, any("INSERT INTO used VALUES (3)")]);
    all_failed(&answers_of, "no such savepoint");
    assert_eq!(used(&db), 0);
    assert_eq!(answers(&db, vec![consume()]), [Ok(())]);
}

#[test]
fn a_lock_that_is_never_given_back_is_busy_and_nothing_happened() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Connection::open(folder.path().join("db")).unwrap();
    let db = open();
    db.execute_batch(TABLES).unwrap();
    db.busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = open();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(answers(&db, vec![consume(), consume()]), [Err(CommitError::Busy), Err(CommitError::Busy)]);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(answers(&db, vec![consume()]), [Ok(())]);
}
