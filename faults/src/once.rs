//! What works once, used by many at the same time on two servers over one database: one success each, and of two last
//! credentials one stays.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stile_core::CredentialId;
use stile_seed::{ENVIRONMENT, Passkey, Person, add_passkey};
use stile_store::{Mutation, Store, credentials};

use crate::load::{Load, Seen, consume_path, sdk, spend};
use crate::server::Server;
use crate::site::now;

/// Uses of one thing, spread over both servers.
const USES: usize = 200;
/// How long a code may be under way.
const MAIL: Duration = Duration::from_secs(30);

/// A request as both servers get it.
struct Ask<'a> {
    method: &'static str,
    path: &'a str,
    bearer: Option<&'a str>,
}

/// Uses a token, a code and a challenge 200 times each, and then removes, for each of so many users, their two last
/// credentials at once.
pub(crate) async fn run(stile: &Path, load: &Arc<Load>, removals: usize) -> Result<()> {
    let store = load.site.store().await?;
    let start = || Server::serve(stile, &load.site, load.mail.address);
    let servers = [start().await?, start().await?];
    let to = [servers[0].address, servers[1].address];
    token(load, to).await.context("an elevated token")?;
    code(load, to).await.context("a code")?;
    challenge(load, to).await.context("a passkey challenge")?;
    for round in 0..removals {
        last_two(load, &store, to, round).await.with_context(|| format!("removal {round}"))?;
    }
    Ok(())
}

/// Sends all at once, every other one to the second server. Exactly one must have `wanted`, and the others one of these
/// refusals.
async fn one_of(
    load: &Arc<Load>,
    to: [SocketAddr; 2],
    ask: Ask<'_>,
    bodies: Vec<String>,
    wanted: u16,
    refusals: &[(u16, &str)],
) -> Result<()> {
    let sent = bodies.into_iter().enumerate().map(|(n, body)| {
        let (load, to, path) = (Arc::clone(load), to[n % 2], ask.path.to_owned());
        let (method, bearer) = (ask.method, ask.bearer.map(str::to_owned));
        tokio::spawn(async move { load.send(to, method, &path, bearer.as_deref(), Some(&body)).await })
    });
    let mut successes = 0;
    for answer in sent.collect::<Vec<_>>() {
        let Seen::Answer(status, body) = answer.await? else { anyhow::bail!("a request was not answered") };
        let code = body["code"].as_str().unwrap_or_default();
        let refused = refusals.contains(&(status, code));
        ensure!(refused || status == wanted, "answered {status} {body}");
        successes += usize::from(status == wanted);
    }
    ensure!(successes == 1, "{successes} successes");
    crate::load::one(&load.counts.acknowledged);
    Ok(())
}

async fn token(load: &Arc<Load>, to: [SocketAddr; 2]) -> Result<()> {
    let who = &load.site.people[0].person;
    let token = load.site.elevated(who)?;
    let bodies = (0..USES).map(|n| spend(&token, who, &format!("use-{n}"))).collect();
    let (path, bearer) = (consume_path(), Some(load.site.environment.api_token.as_str()));
    let ask = Ask { method: "POST", path: &path, bearer };
    one_of(load, to, ask, bodies, 200, &[(403, "elevated_token_used")]).await
}

async fn code(load: &Arc<Load>, to: [SocketAddr; 2]) -> Result<()> {
    let who = &load.site.people[1].person;
    let ask = json!({ "email": who.email }).to_string();
    let asked = load.send(to[0], "POST", &sdk("/emailVerifications/create"), None, Some(&ask)).await;
    let id = asked.text("verificationUUID").context("no code was made")?;
    let code = load.mail.code(&who.email, MAIL).await.context("no mail came")?;
    let body = json!({ "verificationUUID": id, "verificationToken": code }).to_string();
    let path = sdk("/emailVerifications/signin");
    let ask = Ask { method: "POST", path: &path, bearer: None };
    one_of(load, to, ask, vec![body; USES], 200, &[(422, "invalid_email_verification")]).await
}

/// Each answer is a fresh signature of a passkey that does not count: only the challenge makes them one.
async fn challenge(load: &Arc<Load>, to: [SocketAddr; 2]) -> Result<()> {
    let who = &load.site.people[2];
    let path = sdk("/users/passkeys/authenticate");
    let asked = load.send(to[0], "GET", &path, Some(&who.access), None).await;
    let challenge = asked.challenge().context("no challenge was made")?;
    let (id, user) = (&who.person.webauthn_id, who.person.user);
    let bodies = (0..USES).map(|_| who.passkey.answer(&challenge, 0, id, user.as_bytes()));
    let path = sdk("/users/mfa/auth/passkey");
    let ask = Ask { method: "POST", path: &path, bearer: Some(&who.access) };
    one_of(load, to, ask, bodies.collect::<Result<_>>()?, 200, &[(422, "invalid_challenge")]).await
}

/// Each removal alone would leave the other passkey, and together they would leave none. Each comes with a token of the very
/// passkey that it removes, so that neither ends the other's token.
async fn last_two(load: &Arc<Load>, store: &Store, to: [SocketAddr; 2], round: usize) -> Result<()> {
    let (key, now, mut steps) = (Passkey::new()?, now(), Vec::new());
    let who = Person::new(format!("last{round}@example.com"), &key, now, &mut steps);
    let (second, _) = add_passkey(who.user, &key, now, &mut steps);
    store.commit(Mutation::new(steps)).await?;
    store.commit(Mutation::new([credentials::delete(ENVIRONMENT, who.user, who.address)])).await?;

    let (environment, path) = (&load.site.environment, sdk("/users/passkeys"));
    let access = environment.access(&who, now)?;
    let remove = async |to: SocketAddr, passkey: CredentialId| {
        let token = environment.elevated(&who, passkey, "credential:unlink", now)?;
        let body = json!({ "passkeyId": passkey.to_string() }).to_string();
        let headers = [("x-dyn-elevated-access-token", token.as_str())];
        anyhow::Ok(load.send_with(to, "DELETE", &path, Some(&access), &headers, Some(&body)).await)
    };
    let (one, two) = tokio::try_join!(remove(to[0], who.passkey), remove(to[1], second))?;
    ensure!(one.is(204) != two.is(204), "not one of two: {one:?} {two:?}");
    let refused = if one.is(204) { &two } else { &one };
    let code = refused.text("code");
    // A session that loses all that it stood on by the first removal ends with it.
    let last = refused.is(422) && code.as_deref() == Some("cannot_delete_last_sign_in_verified_credential")
        || refused.is(401) && code.as_deref() == Some("session_ended");
    ensure!(last, "refused as {refused:?}");
    let left = store.account(ENVIRONMENT, who.user).await?.map_or(0, |account| account.credentials.len());
    ensure!(left == 1, "left: {left}");
    crate::load::one(&load.counts.acknowledged);
    Ok(())
}
