//! An environment ready for use: settings parsed, keys opened, public answers rendered. Cached by version,
//! so that every node is exact without messages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use stile_core::settings::{Kind, Settings};
use stile_core::{EnvironmentId, Level, Micros};
use stile_factors::passkey::{Party, PasskeyError};
use stile_keys::Keyring;
use stile_keys::jws::{Algorithm, Jwk, SigningKey, VerifyingKey};
use stile_store::{SigningKeyRow, Store};
use zeroize::Zeroizing;

use crate::state::error::{ApiError, Code};
use crate::state::limits::Limiter;
use crate::state::public_settings::public_settings;

/// A stored answer with its entity tag.
pub struct Rendered {
    /// The bytes.
    pub body: Vec<u8>,
    /// `"…"`, a strong entity tag.
    pub etag: String,
}

/// An environment of one version.
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// Its version.
    pub version: i64,
    /// Whether it is for real users.
    pub kind: Kind,
    /// Its settings.
    pub settings: Settings,
    /// The relying party, or why there is none.
    pub party: Result<Party, PasskeyError>,
    /// Rate limits.
    pub limiter: Limiter,
    /// `GET /settings`.
    pub public: Rendered,
    /// The published key set.
    pub jwks: Rendered,
    /// Which loading of an environment this is, of all in this process: what was verified by its keys and settings
    /// holds for no other.
    pub loading: u64,
    /// Until when the keys are these: the next retirement among them.
    keys_until: Option<Micros>,
    keys: Vec<Key>,
    verifying: Vec<VerifyingKey>,
    verifying_pending: Vec<VerifyingKey>,
}

struct Key {
    signs_from: Micros,
    signing: SigningKey,
    pending: SigningKey,
}

impl Environment {
    /// The key that signs tokens of sessions of this level now: the newest whose time has come. On a clock that was put
    /// back to before them all, the first one.
    pub fn signing_key(&self, level: Level, now: Micros) -> Result<&SigningKey, ApiError> {
        let newest = self.keys.iter().find(|key| key.signs_from.is_past(now)).or(self.keys.last());
        let key = newest.ok_or_else(|| ApiError::internal("the environment has no signing key"))?;
        Ok(match level {
            Level::Full => &key.signing,
            Level::Pending => &key.pending,
        })
    }

    /// Every key whose signatures are accepted for sessions of this level. Only those of full sessions are published.
    pub fn verifying_keys(&self, level: Level) -> &[VerifyingKey] {
        match level {
            Level::Full => &self.verifying,
            Level::Pending => &self.verifying_pending,
        }
    }
}

/// The associated data under which a signing key is sealed.
pub fn key_context(environment: EnvironmentId, kid: &str) -> [Vec<u8>; 3] {
    [b"signing-key".to_vec(), environment.as_bytes().to_vec(), kid.as_bytes().to_vec()]
}

/// Environments by id, each at the version that was last asked for.
#[derive(Default)]
pub struct Cache {
    by_id: RwLock<HashMap<EnvironmentId, Arc<Environment>>>,
}

impl Cache {
    /// The environment at its present version.
    pub async fn get(
        &self,
        store: &Store,
        keyring: &Keyring,
        id: EnvironmentId,
        now: Micros,
    ) -> Result<Arc<Environment>, ApiError> {
        let version = store.environment_version(id).await?.ok_or(Code::EnvironmentNotFound)?;
        if let Some(cached) = self.cached(id)
            && cached.version == version
            && !cached.keys_until.is_some_and(|until| until.is_past(now))
        {
            return Ok(cached);
        }
        let loaded = Arc::new(load(store, keyring, id, now).await?);
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&loaded));
        Ok(loaded)
    }

    fn cached(&self, id: EnvironmentId) -> Option<Arc<Environment>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Forgets what rate limits no longer need.
    pub fn sweep(&self) {
        for environment in self.by_id.read().unwrap_or_else(PoisonError::into_inner).values() {
            environment.limiter.sweep();
        }
    }
}

/// How many environments have been loaded.
static LOADED: AtomicU64 = AtomicU64::new(0);

async fn load(
    store: &Store,
    keyring: &Keyring,
    id: EnvironmentId,
    now: Micros,
) -> Result<Environment, ApiError> {
    let row = store.environment(id).await?.ok_or(Code::EnvironmentNotFound)?;
    let settings = row.settings()?;
    for problem in settings.problems(row.kind) {
        tracing::warn!(environment = %id, "these settings would be refused today: {problem}");
    }
    let mut rows = store.signing_keys(id).await?;
    // A retired key is out at its time, whenever the sweep comes to delete it.
    rows.retain(|k| !k.verifies_until.is_some_and(|until| until.is_past(now)));
    let public = rendered(&public_settings(row.kind, &settings))?;
    let jwks: Vec<Jwk> = rows
        .iter()
        .map(|k| serde_json::from_str(&k.jwk))
        .collect::<Result<_, _>>()
        .map_err(ApiError::internal)?;
    let keys = rows.iter().map(|k| open_key(keyring, id, k)).collect::<Result<Vec<Key>, ApiError>>()?;
    let verifying = keys.iter().map(|key| key.signing.verifying_key()).collect::<Result<_, _>>();
    let verifying_pending = keys.iter().map(|key| key.pending.verifying_key()).collect::<Result<_, _>>();
    Ok(Environment {
        id,
        version: row.version,
        kind: row.kind,
        party: Party::of(&settings),
        limiter: Limiter::new(&settings.limits),
        public,
        jwks: rendered(&serde_json::json!({ "keys": jwks }))?,
        settings,
        loading: LOADED.fetch_add(1, Ordering::Relaxed),
        keys_until: rows.iter().filter_map(|k| k.verifies_until).min(),
        keys,
        verifying: verifying.map_err(ApiError::internal)?,
        verifying_pending: verifying_pending.map_err(ApiError::internal)?,
    })
}

fn open_key(keyring: &Keyring, id: EnvironmentId, row: &SigningKeyRow) -> Result<Key, ApiError> {
    let algorithm = match row.algorithm.as_str() {
        "ES256" => Algorithm::Es256,
        "EdDSA" => Algorithm::EdDsa,
        "RS256" => Algorithm::Rs256,
        _ => return Err(ApiError::internal("a signing key of an unknown algorithm")),
    };
    let context = key_context(id, &row.kid);
    let context: Vec<&[u8]> = context.iter().map(Vec::as_slice).collect();
    let pkcs8 = keyring.seal.open(&context, &row.sealed).map_err(ApiError::internal)?;
    let signing = SigningKey::from_pkcs8(algorithm, &pkcs8).map_err(ApiError::internal)?;
    let pending = pending_key(keyring, id, &row.kid)?;
    Ok(Key { signs_from: row.signs_from, signing, pending })
}

/// The key beside a signing key that signs tokens of sessions which still owe a factor. It is derived and never
/// published, so that a backend that checks signatures alone refuses such tokens. It comes and goes with its signing key,
/// so a rotation replaces both.
fn pending_key(keyring: &Keyring, id: EnvironmentId, kid: &str) -> Result<SigningKey, ApiError> {
    let seed = Zeroizing::new(keyring.pending_token.tag(&[id.as_bytes(), kid.as_bytes()]));
    SigningKey::from_seed(&seed).map_err(ApiError::internal)
}

fn rendered(value: &impl serde::Serialize) -> Result<Rendered, ApiError> {
    let body = serde_json::to_vec(value).map_err(ApiError::internal)?;
    // The tag only tells versions of a public answer apart, so any well-mixed hash of it does.
    let hash = body
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    Ok(Rendered { etag: format!("\"{hash:016x}-{:x}\"", body.len()), body })
}

/// A key pair for an environment, sealed for the store.
pub fn new_key(
    keyring: &Keyring,
    id: EnvironmentId,
    algorithm: stile_core::settings::TokenAlgorithm,
    now: Micros,
    signs_from: Micros,
) -> Result<SigningKeyRow, ApiError> {
    use stile_core::settings::TokenAlgorithm;
    let algorithm = match algorithm {
        TokenAlgorithm::Es256 => Algorithm::Es256,
        TokenAlgorithm::EdDsa => Algorithm::EdDsa,
        TokenAlgorithm::Rs256 => Algorithm::Rs256,
    };
    let (key, pkcs8) = SigningKey::generate(algorithm).map_err(ApiError::internal)?;
    let context = key_context(id, key.kid());
    let context: Vec<&[u8]> = context.iter().map(Vec::as_slice).collect();
    Ok(SigningKeyRow {
        kid: key.kid().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        jwk: serde_json::to_string(key.jwk()).map_err(ApiError::internal)?,
        sealed: keyring.seal.seal(&context, &pkcs8).map_err(ApiError::internal)?,
        published_at: now,
        signs_from,
        verifies_until: None,
    })
}
