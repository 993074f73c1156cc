//! An environment with people who have a passkey and a session, seeded before the server starts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use stile_core::Micros;
use stile_keys::{Keyring, MasterKey};
use stile_seed::{Environment, Passkey, Person};
use stile_server::clock::Clock;
use stile_store::{Mutation, Store};

const PEOPLE: usize = 48;

/// What the load knows.
pub(crate) struct Site {
    /// Holds the key and, for the embedded engine, the database.
    pub(crate) folder: PathBuf,
    /// A database on a server instead.
    pub(crate) url: Option<String>,
    pub(crate) environment: Environment,
    pub(crate) people: Vec<Member>,
}

/// One of the people, with their passkey, which counts.
pub(crate) struct Member {
    pub(crate) person: Person,
    pub(crate) access: String,
    pub(crate) passkey: Passkey,
    /// The last counter that was sent, and the last for which the server said yes.
    pub(crate) sent: AtomicU32,
    pub(crate) accepted: AtomicU32,
}

pub(crate) fn now() -> Micros {
    Clock::default().now()
}

impl Site {
    /// A new site in the folder.
    pub(crate) async fn new(folder: &Path, url: Option<String>) -> Result<Self> {
        let key = MasterKey::generate();
        let file = folder.join("master.key");
        std::fs::write(&file, key.encode().as_bytes())?;
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let store = open(folder, url.as_deref()).await?;
        let environment = Environment::create(&store, &Keyring::new(&key)?, "faults", now()).await?;
        let (mut people, mut steps) = (Vec::new(), Vec::new());
        for number in 0..PEOPLE {
            let (passkey, now) = (Passkey::new()?, now());
            let person = Person::new(format!("user{number}@example.com"), &passkey, now, &mut steps);
            let access = environment.access(&person, now)?;
            let (sent, accepted) = Default::default();
            people.push(Member { person, access, passkey, sent, accepted });
        }
        store.commit(Mutation::new(steps)).await?;
        Ok(Self { folder: folder.to_owned(), url, environment, people })
    }

    /// The data, beside the servers.
    pub(crate) async fn store(&self) -> Result<Store> {
        open(&self.folder, self.url.as_deref()).await
    }

    /// A fresh elevated token for `vault:open`.
    pub(crate) fn elevated(&self, who: &Person) -> Result<String> {
        self.environment.elevated(who, who.passkey, "vault:open", now())
    }
}

async fn open(folder: &Path, url: Option<&str>) -> Result<Store> {
    match url {
        None => Ok(Store::sqlite(&folder.join("stile.db"), now())?),
        Some(url) => Ok(Store::postgres(url, now()).await?),
    }
}

impl Member {
    /// The next counter: one that was never sent.
    pub(crate) fn count(&self) -> u32 {
        self.sent.fetch_add(1, Ordering::SeqCst) + 1
    }
}
