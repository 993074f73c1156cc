//! The relying party and its passkey policy.

use super::Kind;
use super::problems::Problems;
use crate::origin::is_public_suffix;

choice! {
    /// WebAuthn user-verification policy, enforced by the server.
    UserVerification {
        /// Every ceremony must carry the UV flag.
        Required = "required",
        /// Ceremonies without UV pass, but never count as a second factor.
        Preferred = "preferred",
    }
}

choice! {
    /// WebAuthn L3 §5.8.7 hints.
    Hint {
        /// A security key.
        SecurityKey = "security-key",
        /// This device.
        ClientDevice = "client-device",
        /// Another device, such as a phone.
        Hybrid = "hybrid",
    }
}

settings! {
    /// The relying party and its passkey policy.
    Passkeys {
        /// Whether passkeys may open a session.
        sign_in: bool = true,
        /// Relying-party id: a registrable domain that covers every app origin. It cannot change later.
        rp_id: Option<String> = None,
        /// Whether other environments that say the same may have this relying-party id too. It cannot go back.
        rp_id_shared: bool = false,
        /// User verification.
        user_verification: UserVerification = UserVerification::Required,
        /// Hints for the browser's dialog, most wanted first.
        hints: Vec<Hint> = Vec::new(),
        /// Most passkeys that one user can hold.
        max_per_user: u32 = 20,
    }
}

impl Passkeys {
    pub(super) fn check(&self, kind: Kind, found: &mut Problems) {
        let Some(rp_id) = self.rp_id.as_deref() else { return };
        found.check(
            is_public_suffix(rp_id),
            "passkeys.rpId is a public suffix, which no browser accepts: name a domain of your own",
        );
        found.check(
            !is_domain(rp_id),
            "passkeys.rpId is not a domain name: write it without scheme, port or path, such as example.com",
        );
        found.check(
            kind == Kind::Live && rp_id == "localhost",
            "passkeys.rpId is localhost, which a live environment refuses",
        );
    }
}

fn is_domain(text: &str) -> bool {
    matches!(url::Host::parse(text), Ok(url::Host::Domain(name)) if name == text && (name.contains('.') || name == "localhost"))
}
