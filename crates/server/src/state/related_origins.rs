//! Related origins (WebAuthn L3 §5.11): which origins outside of a relying-party id's own domain may use its passkeys.
//!
//! A browser asks `https://RP-ID/.well-known/webauthn`, so the answer depends on the host that was asked for.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use stile_core::origin::OriginPattern;
use stile_store::Store;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::state::clock::instant;
use crate::state::error::ApiError;

/// Anybody may ask, as often as they like: the database is asked once in so long.
const KEEP: Duration = Duration::from_secs(5);

/// Origins by relying-party id.
pub type Origins = HashMap<String, BTreeSet<String>>;

/// What the environments said a moment ago.
#[derive(Default)]
pub struct RelatedOrigins(Mutex<Option<(Instant, Arc<Origins>)>>);

impl RelatedOrigins {
    /// The origins by relying-party id, as they were at most [`KEEP`] ago.
    pub async fn get(&self, store: &Store) -> Result<Arc<Origins>, ApiError> {
        let mut last = self.0.lock().await;
        if let Some((until, origins)) = &*last
            && instant() < *until
        {
            return Ok(Arc::clone(origins));
        }
        let mut origins = Origins::new();
        for row in store.environments().await? {
            // An environment whose settings cannot be read is out of use alone; the others go on.
            let Ok(settings) = row.settings() else { continue };
            let Some(rp_id) = &settings.passkeys.rp_id else { continue };
            // Patterns name no origin that a browser could compare, and ceremonies on them are refused anyway.
            let exact = settings.allowed_origins.iter().filter_map(|origin| match origin {
                OriginPattern::Exact(origin) if origin.starts_with("https://") => Some(origin.clone()),
                _ => None,
            });
            origins.entry(rp_id.clone()).or_default().extend(exact);
        }
        let origins = Arc::new(origins);
        *last = Some((instant() + KEEP, Arc::clone(&origins)));
        Ok(origins)
    }
}
