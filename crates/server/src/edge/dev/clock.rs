//! Reads and moves the development clock.

use std::sync::Arc;

use axum::Json as Sent;
use axum::extract::State;

use super::{Advance, Answer, Now};
use crate::state::app::App;
use crate::wire::body::Json;
use crate::wire::time::iso;

/// The time now.
pub(super) async fn read(State(app): State<Arc<App>>) -> Sent<Now> {
    Sent(Now { now: iso(app.clock.now()) })
}

/// Moves the clock.
pub(super) async fn advance(State(app): State<Arc<App>>, Json(body): Json<Advance>) -> Answer<Now> {
    app.clock.advance(body.advance_seconds);
    app.mail_waiting.notify_one();
    Ok(Sent(Now { now: iso(app.clock.now()) }))
}
