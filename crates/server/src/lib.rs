//! The server: HTTP API, gate, flows, mail and development surfaces.
//!
//! `router` makes the whole HTTP surface over an `App`; `serve` runs it with its jobs until told to stop.
//!
//! Rooms see those below them alone: `edge`, `api`, `flows`, `guard`, `delivery`, `wire`, `state`.

mod api;
pub mod delivery;
mod edge;
pub mod flows;
mod guard;
mod state;
mod wire;

pub use api::openapi::ACCESS;
pub use api::openapi_document;
pub use edge::dev::{DEMO_ACCOUNT, DEMO_ACTIONS, DEMO_ENVIRONMENT};
pub use edge::jobs::sweep_once;
pub use edge::listener::Timeouts;
pub use edge::metrics_page::listen as serve_metrics;
pub use edge::router::router;
pub use edge::serve::{Serving, serve};
pub use guard::act::Act;
pub use guard::gate;
pub use guard::operator::API_SCOPES;
pub use state::app::App;
pub use state::clock;
pub use state::config::{Config, Development};
pub use state::dev_outbox::DevOutbox;
pub use state::error::{ApiError, Code};
