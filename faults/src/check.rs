//! After a fault: everything that was acknowledged is there, and what was used up stays used up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use stile_keys::{encoding, random};

use crate::load::{Load, Record, Seen, one, sdk};

/// How many checks are under way at once.
const TOGETHER: usize = 8;

/// Checks the records, on a server that works.
pub(crate) async fn all(load: &Arc<Load>, to: SocketAddr, records: Vec<Record>) -> Result<()> {
    each(load, to, records, true).await?;
    load.counters(to).await
}

/// Checks that what was used up stays used up, and nothing else.
pub(crate) async fn used_up(load: &Arc<Load>, to: SocketAddr, records: Vec<Record>) -> Result<()> {
    each(load, to, records, false).await?;
    load.counters(to).await
}

async fn each(load: &Arc<Load>, to: SocketAddr, records: Vec<Record>, whole: bool) -> Result<()> {
    let (records, next) = (Arc::new(records), Arc::new(AtomicUsize::new(0)));
    let checkers = (0..TOGETHER).map(|_| {
        let (load, records, next) = (Arc::clone(load), Arc::clone(&records), Arc::clone(&next));
        tokio::spawn(async move {
            while let Some(record) = records.get(next.fetch_add(1, Ordering::Relaxed)) {
                load.check(to, record, whole).await;
            }
            anyhow::Ok(())
        })
    });
    for checker in checkers.collect::<Vec<_>>() {
        checker.await??;
    }
    Ok(())
}

impl Load {
    async fn check(&self, to: SocketAddr, record: &Record, whole: bool) {
        match record {
            Record::Token { token, person, uses } => self.check_token(to, token, *person, uses, whole).await,
            Record::Assertion { body, person } => {
                let who = &self.site.people[*person];
                let path = sdk("/users/mfa/auth/passkey");
                let again = self.send(to, "POST", &path, Some(&who.access), Some(body)).await;
                self.twice(&again, "a passkey challenge");
            }
            Record::Code { body, access, revoked } => {
                let again = self.send(to, "POST", &sdk("/emailVerifications/signin"), None, Some(body)).await;
                self.twice(&again, "a code");
                if !whole {
                    return;
                }
                let me = self.send(to, "GET", &sdk("/users"), Some(access), None).await;
                match revoked {
                    Some(true) => self.there(me.is(401), "the end of a session", &me),
                    Some(false) => self.there(me.is(200), "a session", &me),
                    None => {}
                }
            }
        }
    }

    async fn check_token(
        &self,
        to: SocketAddr,
        token: &str,
        person: usize,
        uses: &[(String, bool)],
        whole: bool,
    ) {
        let who = &self.site.people[person].person;
        let fresh = self.consume(to, token, who, &encoding::hex(&random::bytes::<16>())).await;
        let acknowledged = uses.iter().find(|(_, yes)| *yes);
        if let Some((id, _)) = acknowledged {
            self.twice(&fresh, "a token");
            if whole {
                let repeated = self.consume(to, token, who, id).await;
                self.there(repeated.is(200), "the use of a token", &repeated);
            }
            return;
        }
        // Nobody was told of a use: it is one if the fresh one is refused, and none if it succeeds. Not both.
        if fresh.is(200) {
            for (id, _) in uses {
                let other = self.consume(to, token, who, id).await;
                self.twice(&other, "a token in doubt");
            }
        }
    }

    /// No passkey passes with a counter that passed before.
    async fn counters(&self, to: SocketAddr) -> Result<()> {
        for who in &self.site.people {
            let accepted = who.accepted.load(Ordering::SeqCst);
            if accepted == 0 || random::uniform(8) > 0 {
                continue;
            }
            let Some(body) = self.assertion(to, who, accepted).await? else { continue };
            let seen =
                self.send(to, "POST", &sdk("/users/mfa/auth/passkey"), Some(&who.access), Some(&body)).await;
            if seen.is(200) {
                println!("a counter went back to {accepted}");
                one(&self.counts.counters_back);
            }
        }
        Ok(())
    }

    fn twice(&self, seen: &Seen, what: &str) {
        if seen.is(200) {
            println!("used twice: {what}");
            one(&self.counts.used_twice);
        }
    }

    fn there(&self, it_is: bool, what: &str, seen: &Seen) {
        if !it_is {
            if let Seen::Answer(status, body) = seen {
                println!("lost: {what}: {status} {body}");
            } else {
                println!("lost: {what}: no answer");
            }
            one(&self.counts.lost);
        }
    }
}
