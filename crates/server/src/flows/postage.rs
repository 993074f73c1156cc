//! How many codes are mailed to an address. Strangers cause so many at once, and then one in a while, for the client
//! prefix that was served least; a known device and the sessions of the user have some of their own beside them.

use std::net::IpAddr;

use stile_core::Micros;
use stile_core::guessing::Allowance;
use stile_store::{CommitError, Miss, Mutation, Step, buckets, mail_turns};

use super::payers::{Payer, Standing};
use crate::guard::context::Cx;

/// Who wants a mail, to which address.
pub struct Postage {
    address: [u8; 32],
    strangers: [u8; 32],
    prefix: [u8; 32],
    own: Option<[u8; 32]>,
}

impl Postage {
    /// For this address, asked as things stand, by this session's user.
    pub fn new(
        cx: &Cx,
        hash: &[u8; 32],
        standing: &Standing,
        session_user: Option<stile_core::UserId>,
    ) -> Self {
        let tag = |parts: &[&[u8]]| cx.app.keys.counter.tag(parts);
        let own = match &standing.payer {
            Payer::Device { bucket, .. } => Some(tag(&[b"mails-of-device", bucket])),
            Payer::Strangers { .. } => session_user
                .filter(|user| standing.holder == Some(*user))
                .map(|user| tag(&[b"mails-of-sessions", user.as_bytes()])),
        };
        Self {
            address: *hash,
            strangers: tag(&[b"mails-of-strangers", hash]),
            prefix: tag(&[b"mail-prefix", hash, &wide_prefix(cx.address)]),
            own,
        }
    }

    /// Commits the steps with a mail among them, if one more may be sent. Else nothing happens, and the answer is when
    /// the next one may be.
    pub async fn commit(&self, cx: &Cx, steps: &[Step]) -> Result<Result<(), Micros>, CommitError> {
        let limits = &cx.env.settings.limits;
        let strangers = Allowance::of(limits.mails_per_address);
        let plenty = Mutation::new([
            buckets::spend(self.strangers, strangers.less_one(), cx.now),
            mail_turns::take(self.address, self.prefix, cx.now),
        ]);
        let own = self.own.map(|key| {
            Mutation::new([buckets::spend(key, Allowance::of(limits.own_mails_per_address), cx.now)])
        });
        let least_served = Mutation::new([buckets::spend(self.strangers, strangers, cx.now)])
            .and_all(mail_turns::take_if_least(self.address, self.prefix, cx.now));
        for admission in [Some(plenty), own, Some(least_served)].into_iter().flatten() {
            match cx.commit(admission.and_all(steps.iter().cloned())).await {
                Ok(()) => return Ok(Ok(())),
                Err(CommitError::Missed(Miss::LockedOut)) => {}
                Err(error) => return Err(error),
            }
        }
        let waiting = mail_turns::ask(self.address, self.prefix, cx.now);
        cx.app.store.commit(Mutation::new([waiting])).await?;
        let stored = cx.app.store.buckets([self.strangers]).await;
        let [stored] = stored.unwrap_or([cx.now]);
        Ok(Err(strangers.room_at(stored)))
    }
}

/// The network whose requests for one address are served together: an IPv4 /24 or an IPv6 /48. One site holds as much.
fn wide_prefix(address: IpAddr) -> [u8; 7] {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [4, a, b, c, 0, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, ..] = v6.octets();
            [6, a, b, c, d, e, f]
        }
    }
}
