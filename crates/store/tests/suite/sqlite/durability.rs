//! Invariant 5: a killed process loses no write that it acknowledged.

use std::collections::BTreeSet;
use std::path::Path;

use super::child::{open, say, spawn, two_rows};
use super::raw;
use crate::engines::run;

/// Far apart, so that no two rounds write the same number.
const ROUND: u64 = 1_000_000;

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    let mut acknowledged = BTreeSet::new();
    for (round, lines) in (0..).zip([1, 2, 30, 100, 300, 1_000, 3_000]) {
        let (mut child, mut talk) = spawn("writer", &path, round * ROUND, None);
        for _ in 0..lines {
            acknowledged.insert(talk.hear().unwrap().parse::<u64>().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was said before the signal came was acknowledged too.
        while let Some(n) = talk.hear() {
            acknowledged.insert(n.parse().unwrap());
        }
        drop(open(&path));
        let written = raw::written(&path);
        let lost: Vec<_> = acknowledged.difference(&written).collect();
        assert!(
            lost.is_empty(),
            "round {round}: {} of {} were lost: {lost:?}",
            lost.len(),
            acknowledged.len()
        );
        raw::assert_sound(&path);
    }
}

/// The child: eight callers that write as fast as they can and tell of every answer.
pub(super) fn write_until_killed(path: &Path, first: u64) {
    async fn write(store: stile_store::Store, numbers: impl Iterator<Item = u64>) {
        for n in numbers {
            store.commit(two_rows(n, 100)).await.unwrap();
            say(&n.to_string());
        }
    }
    run(async {
        let store = open(path);
        let writers: Vec<_> = (0..8)
            .map(|caller| tokio::spawn(write(store.clone(), (first + caller..first + ROUND).step_by(8))))
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}
