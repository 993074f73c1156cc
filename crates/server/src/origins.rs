//! Refused origins: the log names each of them once, with the command that allows it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use stile_core::origin::is_normal;

use crate::environment::Environment;

/// The log names so many origins at most, since anybody can make them up.
const MOST: usize = 100;

/// The origins that the log has named.
#[derive(Default)]
pub struct Refused(Mutex<HashSet<String>>);

impl Refused {
    /// Writes a line about an origin that was refused, the first time.
    pub fn tell(&self, env: &Environment, origin: &str) {
        let key = format!("{} {}", env.id, origin.chars().take(300).collect::<String>());
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST || !told.insert(key) {
            return;
        }
        drop(told);
        match command(env, origin) {
            Some(command) => tracing::warn!(
                environment = %env.id, origin,
                "a web page of an origin that is not allowed asked for this environment; if it is yours: {command}"
            ),
            // Browsers send no such origin, and nobody should paste it into a shell.
            None => tracing::warn!(environment = %env.id, "a request with a malformed origin was refused"),
        }
    }
}

/// The command that allows the origin beside those that are allowed now. A host name may hold characters that mean
/// something to a shell: such an origin gets none.
fn command(env: &Environment, origin: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '[' | ']');
    if !is_normal(origin) || !origin.chars().all(plain) {
        return None;
    }
    let mut all: Vec<String> = env.settings.allowed_origins.iter().map(ToString::to_string).collect();
    all.push(origin.to_owned());
    let list = serde_json::to_string(&all).ok()?;
    Some(format!("stile env set {} 'allowedOrigins={list}'", env.id))
}
