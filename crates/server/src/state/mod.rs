//! What requests share: environments, limits, counters, errors, time.

pub mod app;
pub mod clock;
pub mod config;
pub mod dev_outbox;
pub mod environment;
pub mod error;
pub mod forwarding;
pub mod limits;
pub mod metrics;
pub mod origins;
pub mod public_settings;
pub mod ready;
pub mod refusal_lines;
pub mod refusals;
pub mod related_origins;
pub mod verified;
