//! Users with an e-mail address, a passkey and a session each, through the store's own mutations. Those who send
//! requests have an authenticator app and recovery codes too.

use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use anyhow::Result;
use stile_core::{Acknowledgement, Credential, CredentialId, Facts, Format, Micros};
use stile_factors::recovery_code;
use stile_keys::{Keyring, random};
use stile_seed::{ENVIRONMENT, Environment, Passkey, Person};
use stile_store::{Mutation, Step, TotpDevice, credentials, recovery_codes, totp, users};

use crate::beside::Beside;
use crate::database::{Database, now};

/// Users in one mutation.
const TOGETHER: u64 = 2_000;
/// Users who send requests, at most; the others only fill the tables.
const ACTIVE: u64 = 20_000;
/// Different passkeys.
const PASSKEYS: u64 = 64;

/// What the load knows of a seeded database.
pub(crate) struct Site {
    /// The environment, with its keys.
    pub(crate) environment: Environment,
    /// Sub-keys, to read the outbox.
    pub(crate) keyring: Keyring,
    /// Users who send requests, spread evenly over all.
    pub(crate) active: Vec<Active>,
    /// Their passkeys.
    pub(crate) passkeys: Vec<Passkey>,
    /// The bench's own way into the database.
    pub(crate) beside: Beside,
    /// How often the codes of authenticator apps were put back.
    pub(crate) put_back: AtomicUsize,
}

/// A user who sends requests.
pub(crate) struct Active {
    /// Who it is.
    pub(crate) person: Person,
    /// Which of the passkeys is theirs.
    pub(crate) passkey: usize,
    /// The authenticator app as a credential.
    pub(crate) app: CredentialId,
    /// The secret of the authenticator app.
    pub(crate) secret: [u8; 20],
    /// Recovery codes, as they were shown.
    pub(crate) recovery: Vec<String>,
    /// An access token of the session.
    pub(crate) access: String,
}

/// Fills an empty database; `lanes` is how many connections share the active users.
pub(crate) async fn seed(database: &Database, users: u64, lanes: usize) -> Result<Site> {
    let began = Instant::now();
    let (store, keyring) = (database.store().await?, database.keyring()?);
    let now = now();
    let mut site = Site {
        environment: Environment::create(&store, &keyring, "bench", now).await?,
        keyring,
        active: Vec::new(),
        passkeys: (0..PASSKEYS).map(|_| Passkey::new()).collect::<Result<_>>()?,
        beside: database.beside().await?,
        put_back: AtomicUsize::new(0),
    };

    let every = users.div_ceil(ACTIVE.max(lanes as u64)).max(1);
    let mut under_way: Option<tokio::task::JoinHandle<_>> = None;
    for first in (0..users).step_by(usize::try_from(TOGETHER)?) {
        let mut steps = Vec::new();
        for number in first..(first + TOGETHER).min(users) {
            // A millisecond apart, so that ids lie in the tables as they do when users come one by one.
            let came = Micros::new(now.get() - i64::try_from(users - number)? * 1_000);
            let passkey = usize::try_from(number % PASSKEYS)?;
            let address = format!("user{number:07}@example.com");
            let person = Person::new(address, &site.passkeys[passkey], came, &mut steps);
            if number % every == 0 {
                site.active.push(site.active(person, passkey, [came, now], &mut steps)?);
            }
        }
        // The next users are made while the store writes these.
        let store = store.clone();
        let next = tokio::spawn(async move { store.commit(Mutation::new(steps)).await });
        if let Some(previous) = under_way.replace(next) {
            previous.await??;
        }
    }
    if let Some(last) = under_way {
        last.await??;
    }
    anyhow::ensure!(site.active.len() >= lanes, "fewer users than connections");
    drop(store);
    database.settled().await?;
    println!("{users} users: seeded in {:.1} s", began.elapsed().as_secs_f64());
    Ok(site)
}

impl Site {
    /// The person, with an access token, an authenticator app and recovery codes since they came. The associated data of the
    /// seal is the server's.
    fn active(
        &self,
        person: Person,
        passkey: usize,
        [came, now]: [Micros; 2],
        steps: &mut Vec<Step>,
    ) -> Result<Active> {
        let (user, app, secret) = (person.user, CredentialId::new(came, random::bytes()), random::bytes());
        let facts = Facts::of(Format::Totp);
        let credential = Credential { id: app, facts, sign_in: false, created_at: came, verified_at: came };
        let place: [&[u8]; 3] = [b"totp", ENVIRONMENT.as_bytes(), app.as_bytes()];
        let sealed = self.keyring.seal.seal(&place, &secret)?;
        let device = TotpDevice { credential: app, sealed, last_step: -1 };
        let recovery = recovery_code::new_set().to_vec();
        steps.extend([
            credentials::insert(ENVIRONMENT, user, app.as_bytes(), &credential),
            totp::insert(&device),
            users::set_recovery(ENVIRONMENT, user, Some(Acknowledgement::Complete)),
        ]);
        let hash = |code: &String| recovery_code::hash(&self.keyring, ENVIRONMENT, user, code);
        steps.extend(recovery.iter().map(|code| recovery_codes::insert(user, hash(code))));
        let access = self.environment.access(&person, now)?;
        Ok(Active { person, passkey, app, secret, recovery, access })
    }
}
