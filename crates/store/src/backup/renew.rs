//! What a restore ends. Whatever was used up after the backup is as new in it, so nothing that lives for a short time may
//! survive: each kind of thing that works once is either removed here, or its key is renewed.

use crate::mutation::Step;
use stile_core::Micros;

/// What the restored data begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renewal {
    /// No code of an authenticator app of this step or an earlier one is accepted.
    pub last_step: i64,
    /// Goes into the keys of nonces and WebAuthn challenges, which are not stored: those of before are then forged.
    pub salt: [u8; 32],
    /// Now.
    pub now: Micros,
}

/// The name in `meta` under which the salt is kept.
pub(crate) const SALT: &str = "restored";

/// The steps that make restored data fit to be used. Nothing is kept of sessions with their legacy tokens, of codes, of begun
/// enrolments, of recovery codes that were still to be seen, of known devices and of waiting mails. Elevated tokens end
/// with their sessions.
pub(crate) fn steps(renewal: &Renewal) -> Vec<Step> {
    let salt = "INSERT INTO meta (name, value) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    vec![
        Step::any("DELETE FROM mfa_tokens", Vec::new()),
        Step::any("DELETE FROM totp_unverified", Vec::new()),
        Step::any("DELETE FROM sessions", Vec::new()),
        Step::any("DELETE FROM verifications", Vec::new()),
        Step::any("DELETE FROM recovery_shown", Vec::new()),
        Step::any("DELETE FROM outbox", Vec::new()),
        // One that was forgotten since, after a theft perhaps, would be known again.
        Step::any("DELETE FROM known_devices", Vec::new()),
        Step::any(
            "UPDATE totp_devices SET last_step = ?1 WHERE last_step < ?1",
            vec![renewal.last_step.into()],
        ),
        // Tokens of before name an earlier epoch: even if a session came back, they would not count.
        Step::any("UPDATE users SET version = version + 1, epoch = epoch + 1", Vec::new()),
        Step::any("UPDATE environments SET version = version + 1", Vec::new()),
        Step::any(salt, vec![SALT.into(), renewal.salt.into()]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stays as it was in the backup, and why that is right.
    const KEPT: [&str; 16] = [
        // The users' and the operators' own.
        "meta",
        "environments",
        "signing_keys",
        "users",
        "credentials",
        "passkeys",
        "totp_devices",
        "recovery_codes",
        "api_tokens",
        "audit",
        // What was used up or counted until then goes on counting.
        "ledger",
        "counters",
        "mail_turns",
        // An addition that is there again can be undone again, by those whom it concerns.
        "additions",
        "undo_links",
        "failures",
    ];
    const ENDED: [&str; 7] = [
        "mfa_tokens",
        "totp_unverified",
        "sessions",
        "verifications",
        "recovery_shown",
        "outbox",
        "known_devices",
    ];

    /// Whoever adds a table decides what a restore does with it.
    #[test]
    fn every_table_is_kept_or_ended() {
        let mut decided: Vec<&str> = KEPT.into_iter().chain(ENDED).collect();
        let mut tables = super::super::tables::all();
        decided.sort_unstable();
        tables.sort_unstable();
        assert_eq!(decided, tables);
        let renewal = Renewal { last_step: 1, salt: [0; 32], now: Micros::new(0) };
        for table in ENDED {
            let sql = format!("DELETE FROM {table}");
            assert!(steps(&renewal).iter().any(|step| step.sql == sql), "{table}");
        }
    }
}
