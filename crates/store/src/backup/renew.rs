//! What a restore ends. Whatever was used up after the backup is as new in it, so nothing that lives for a short time may
//! survive: each kind of thing that works once is either removed here, or its key is renewed.

use crate::mutation::Step;
use crate::tables::all::TABLES;
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
    let ended = TABLES.iter().filter_map(|table| table.end).map(|sql| Step::any(sql, Vec::new()));
    let renewed = [
        Step::any(
            "UPDATE totp_devices SET last_step = ?1 WHERE last_step < ?1",
            vec![renewal.last_step.into()],
        ),
        // Tokens of before name an earlier epoch: even if a session came back, they would not count.
        Step::any("UPDATE users SET version = version + 1, epoch = epoch + 1", Vec::new()),
        Step::any("UPDATE environments SET version = version + 1", Vec::new()),
        Step::any(salt, vec![SALT.into(), renewal.salt.into()]),
    ];
    ended.chain(renewed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever adds a table decides what a restore does with it.
    #[test]
    fn every_table_is_kept_or_ended() {
        let mut decided: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let mut tables = super::super::tables::all();
        decided.sort_unstable();
        tables.sort_unstable();
        assert_eq!(decided, tables);
        let renewal = Renewal { last_step: 1, salt: [0; 32], now: Micros::new(0) };
        for table in TABLES {
            let sql = format!("DELETE FROM {}", table.name);
            assert_eq!(steps(&renewal).iter().any(|step| step.sql == sql), table.end.is_some(), "{sql}");
        }
    }
}
