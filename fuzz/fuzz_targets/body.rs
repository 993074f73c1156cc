#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use stile_fuzz::bodies::Site;
use stile_keys::{Keyring, MasterKey};
use stile_seed::PUBLIC_URL;
use stile_server::clock::Clock;
use stile_server::{App, Config};
use stile_store::Store;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static SERVER: RefCell<(Runtime, Site, tempfile::TempDir)> = RefCell::new(server());
}

fn server() -> (Runtime, Site, tempfile::TempDir) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(Clock::default());
    let store = Store::sqlite(&folder.path().join("stile.db"), clock.now()).expect("a database");
    let keys = Arc::new(Keyring::new(&MasterKey::generate()).expect("keys"));
    let public_url = PUBLIC_URL.parse().expect("a URL");
    let config = Config { public_url, trusted_proxies: Vec::new(), development: None, place: String::new() };
    let site = runtime.block_on(Site::new(Arc::new(App::new(store, keys, clock, config, None))));
    (runtime, site, folder)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    SERVER.with_borrow_mut(|(runtime, site, _)| runtime.block_on(site.take(data)));
});
