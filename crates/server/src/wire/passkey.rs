//! Passkeys as their owners see them.

use serde::Serialize;
use stile_core::{Credential, Principal};
use stile_store::Passkey;
use utoipa::ToSchema;

use super::time::iso;

/// A passkey as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPasskey {
    /// Record id.
    id: String,
    /// The name that the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    /// Browser that enrolled it.
    user_agent: String,
    /// Origin of the page that enrolled it.
    origin: String,
    /// WebAuthn credential id, base64url.
    credential_id: String,
    /// When it was enrolled, ISO 8601.
    created_at: String,
    /// When it was last used or renamed, ISO 8601.
    updated_at: String,
    /// Where it is kept, when its model is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<PasskeyStorage>,
    /// Whether its key is copied between the owner's devices.
    synced: bool,
}

/// Where a passkey is kept.
#[derive(Serialize, ToSchema)]
pub struct PasskeyStorage {
    /// Name of the model.
    name: String,
    /// Empty: no icons of other vendors are shipped.
    icon: String,
}

impl UserPasskey {
    /// The passkey with the name that its credential carries.
    pub fn of(passkey: &Passkey, alias: Option<&str>) -> Self {
        let storage = stile_webauthn::aaguid_name(&passkey.aaguid);
        Self {
            id: passkey.credential.to_string(),
            alias: alias.map(str::to_owned),
            user_agent: passkey.user_agent.clone(),
            origin: passkey.origin.clone(),
            credential_id: stile_keys::encoding::base64url(&passkey.webauthn_id),
            created_at: iso(passkey.created_at),
            updated_at: iso(passkey.updated_at),
            storage: storage.map(|name| PasskeyStorage { name: name.into(), icon: String::new() }),
            synced: passkey.backup_eligible,
        }
    }

    /// The user's passkeys with their names.
    pub fn all(passkeys: &[Passkey], me: &Principal) -> Vec<Self> {
        passkeys
            .iter()
            .map(|p| Self::of(p, me.credential(p.credential).and_then(Credential::alias)))
            .collect()
    }
}
