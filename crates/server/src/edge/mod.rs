//! Where requests come in: listener, layers, pages, and the jobs that run beside them.

mod admission;
mod assets;
pub mod dev;
mod http;
pub mod jobs;
pub mod listener;
pub mod metrics_page;
mod observe;
mod operations;
pub mod router;
pub mod serve;
mod traces;
mod undo_page;
mod well_known;
