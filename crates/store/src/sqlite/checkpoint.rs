//! Copying the log back into the database: beside the writer, so that no commit waits for more than a rest of it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// Each time the log has grown by so many pages (of 4 KiB), they are copied beside the writer.
const BESIDE: i32 = 4_000;
/// From so many on the writer copies what is left after each commit: the log can begin anew only when nothing is, and
/// beside a busy writer something always would be.
const REST: i32 = 3 * BESIDE;

/// Lets a thread that runs `copy` with the end that is returned copy the log of `writer`.
pub(super) fn divide(writer: &mut Connection) -> rusqlite::Result<Receiver<()>> {
    let (due, copies) = sync_channel(1);
    let mut beside = Beside { due, next: BESIDE };
    writer.wal_hook(Some(move |log: &mut Wal, pages| {
        if pages >= REST {
            told(log.checkpoint());
        } else {
            beside.grown(pages);
        }
        // The commit stands, whatever becomes of the copy: an error from here would deny it.
        Ok(())
    }))?;
    Ok(copies)
}

struct Beside {
    due: SyncSender<()>,
    /// How long the log must be for the next copy.
    next: i32,
}

impl Beside {
    fn grown(&mut self, pages: i32) {
        // The log began anew.
        self.next = self.next.min(pages / BESIDE * BESIDE + BESIDE);
        if pages < self.next {
            return;
        }
        match self.due.try_send(()) {
            // One that is due already will see these pages, too.
            Ok(()) | Err(TrySendError::Full(())) => self.next = pages + BESIDE,
            Err(TrySendError::Disconnected(())) => {}
        }
    }
}

/// Copies whenever it is due, until the writer is gone. Readers and the writer go on meanwhile.
pub(super) fn copy(db: &Connection, due: &Receiver<()>) {
    while due.recv().is_ok() {
        told(db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
    }
}

/// What was not copied is still in the log, and the next time comes.
fn told(outcome: rusqlite::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "the log was not copied back");
    }
}
