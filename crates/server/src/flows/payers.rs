//! Who pays for a wrong short code. Strangers share one bucket for the address and, silently, one for the user over all
//! addresses; a device that the user is known to sign in with has a bucket of its own. No success refills any of them.

use stile_core::guessing::{KNOWN_DEVICE, LONG_DIGITS, SHORT_DIGITS, STRANGERS};
use stile_core::{EmailAddress, UserId};
use stile_store::{Step, buckets, known_devices};

use crate::guard::context::Cx;
use crate::state::error::ApiError;

/// Whose wrong answers the next one is counted with.
pub enum Payer {
    /// Everybody without a known device.
    Strangers {
        /// The bucket of the address.
        address: [u8; 32],
        /// The bucket of the user who holds it; of the address again, under another name, where nobody does.
        user: [u8; 32],
    },
    /// A known device.
    Device {
        /// Whose.
        owner: UserId,
        /// Its key.
        key: String,
        /// Its bucket.
        bucket: [u8; 32],
    },
}

/// How things stand for codes to an address.
pub struct Standing {
    /// Who holds the address.
    pub holder: Option<UserId>,
    /// Who pays for wrong answers.
    pub payer: Payer,
    /// How long codes to this address are for strangers, as far as anybody may know.
    pub told_digits: u32,
    /// Whether a short code is judged at all now.
    pub has_room: bool,
}

impl Standing {
    /// How many digits a code must have that is sent now.
    pub const fn digits(&self) -> u32 {
        if self.has_room { self.told_digits } else { LONG_DIGITS }
    }
}

/// How things stand for this address, asked from this device. The same reads are made whoever holds the address, and
/// whether or not the device is known.
pub async fn standing(
    cx: &Cx,
    hash: &[u8; 32],
    address: &EmailAddress,
    device: Option<&str>,
) -> Result<Standing, ApiError> {
    let store = &cx.app.store;
    let holder = store.holder(cx.env.id, address.as_str(), device, cx.now).await?;
    let tag = |parts: &[&[u8]]| cx.app.keys.counter.tag(parts);
    let of_address = tag(&[b"strangers-at-address", hash]);
    let of_user = match &holder.user {
        Some(user) => tag(&[b"strangers-at-user", user.as_bytes()]),
        None => tag(&[b"strangers-at-nobody", hash]),
    };
    let key = device.unwrap_or_default();
    let owner = holder.user.unwrap_or(UserId::from_bytes([0; 16]));
    let of_device = tag(&[b"known-device", owner.as_bytes(), key.as_bytes()]);
    let [at_address, at_user, at_device] = store.buckets([of_address, of_user, of_device]).await?;
    let address_has_room = STRANGERS.has_room(at_address, cx.now);
    let (payer, has_room) = if holder.known {
        let payer = Payer::Device { owner, key: key.to_owned(), bucket: of_device };
        (payer, KNOWN_DEVICE.has_room(at_device, cx.now))
    } else {
        let payer = Payer::Strangers { address: of_address, user: of_user };
        (payer, address_has_room && STRANGERS.has_room(at_user, cx.now))
    };
    let told_digits = if address_has_room { SHORT_DIGITS } else { LONG_DIGITS };
    Ok(Standing { holder: holder.user, payer, told_digits, has_room })
}

impl Payer {
    /// Counts a wrong answer; misses with `LockedOut` when there is no room for it.
    pub fn spend(&self, cx: &Cx) -> Vec<Step> {
        match self {
            Self::Strangers { address, user } => {
                [address, user].map(|key| buckets::spend(*key, STRANGERS, cx.now)).into()
            }
            Self::Device { owner, key, bucket } => vec![
                known_devices::hold_known(*owner, key, cx.now),
                buckets::spend(*bucket, KNOWN_DEVICE, cx.now),
            ],
        }
    }

    /// Lets a right answer pass only while there is room for a wrong one.
    pub fn guard(&self, cx: &Cx) -> Vec<Step> {
        match self {
            Self::Strangers { address, user } => {
                [address, user].map(|key| buckets::hold_room(*key, STRANGERS, cx.now)).into()
            }
            Self::Device { owner, key, bucket } => vec![
                known_devices::hold_known(*owner, key, cx.now),
                buckets::hold_room(*bucket, KNOWN_DEVICE, cx.now),
            ],
        }
    }
}
