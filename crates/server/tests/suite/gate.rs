//! Attacks on the gate: evidence that looks right and is not, for every row of its table.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::UserId;
use stile_core::settings::{
    Action, ActionRule, Enrollment, Kind, ScopeRule, Settings, TokenBehavior, UserVerification,
};
use stile_server::gate;
use stile_store::{Mutation, credentials};

use crate::access::operations;
use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, ORIGIN, OTHER_ENVIRONMENT, Page, Reply, World, settings};

/// A request that one row of the table gates, and what it answers when it gets past.
struct Gated {
    operation: &'static str,
    scope: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
    passed: (u16, &'static str),
}

impl Gated {
    async fn send(&self, page: &Page, token: Option<&str>) -> Reply {
        let headers: Vec<_> = token.iter().map(|token| ("x-dyn-elevated-access-token", *token)).collect();
        let body = self.body.as_ref().map(Value::to_string);
        let path = self.path.replace("{environmentId}", &page.environment.to_string());
        page.send(self.method.clone(), &path, body, &headers).await
    }

    #[track_caller]
    fn has_passed(&self, reply: &Reply) {
        let got = (reply.status.as_u16(), reply.code());
        assert_eq!(got, self.passed, "{} {}: {}", self.operation, self.scope, reply.body);
    }
}

/// A request for every row; that of `deleteUser` comes last because it can pass once only.
async fn requests(world: &World, page: &Page, n: usize) -> Vec<Gated> {
    // The outbox shows its oldest mails: the newest must be among them.
    world.deliver().await;
    let address = format!("linked{n}@example.com");
    let sent = page.post("/emailVerifications/create", json!({ "email": address })).await.created();
    let code = world.code(&address).await;
    let all = operations();
    let row = |operation, scope, body: Option<Value>, passed| {
        let op = all.iter().find(|op| op.id == operation).unwrap();
        let (method, path) = (op.method.clone(), op.path.clone());
        Gated { operation, scope, method, path, body: body.or_else(|| op.body.clone()), passed }
    };
    let answer = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code });
    let (email, alias) = (format!("changed{n}@example.com"), format!("name {n}"));
    vec![
        row("registerPasskey", "credential:link", None, (422, "invalid_passkey_response")),
        row("deletePasskey", "credential:unlink", None, (422, "passkey_not_found")),
        row("verifyEmail", "credential:link", Some(answer), (200, "")),
        row("updateUser", "credential:update", Some(json!({ "email": email })), (200, "")),
        row("updateUser", "user:update", Some(json!({ "alias": alias })), (200, "")),
        row("registerTotpDevice", "credential:link", None, (200, "")),
        row("deleteMfaDevice", "credential:unlink", None, (404, "not_found")),
        row("unlinkCredential", "credential:unlink", None, (422, "invalid_unlink_request")),
        row("deleteUser", "user:delete", None, (204, "")),
    ]
}

const LOOKALIKES: [&str; 4] = ["my-credential:link", "users:delete", "credentials:unlink", "x:user"];

/// Every row is a protected one, and there are scopes that look like others.
fn guarded() -> Settings {
    let mut settings = settings();
    settings.security.mfa.actions.push(ActionRule {
        action: Action::UserUpdate,
        required: true,
        token_behavior: None,
        token_expiry_seconds: None,
    });
    settings.scopes.extend(LOOKALIKES.map(ScopeRule::new));
    settings
}

/// As `guarded`, with single-use tokens for everything.
fn single_use() -> Settings {
    let mut settings = guarded();
    for scope in ["credential:link", "credential:unlink", "credential:update", "user:update", "user:delete"] {
        let token_behavior = Some(TokenBehavior::SingleUse);
        settings.scopes.push(ScopeRule { token_behavior, ..ScopeRule::new(scope) });
    }
    settings
}

fn token_of(session: &Value) -> String {
    session["elevatedAccessToken"].as_str().expect("an elevated token").to_owned()
}

#[tokio::test]
async fn the_requests_of_this_file_cover_the_table() {
    let world = World::with(guarded()).await;
    let page = world.signed_in("ann@example.com").await;
    let mut here: Vec<String> =
        requests(&world, &page, 0).await.iter().map(|r| format!("{} {}", r.operation, r.scope)).collect();
    let mut there: Vec<String> =
        gate::table().iter().map(|row| format!("{} {}", row.operation, row.scope)).collect();
    here.sort();
    there.sort();
    assert_eq!(here, there);
}

#[tokio::test]
async fn evidence_that_is_none_opens_no_row() {
    let world = World::with(guarded()).await;
    let page = world.signed_in("ann@example.com").await;
    let by_mail = page.email_step_up(&world, "ann@example.com", &ALL).await.ok();
    let mut first = Authenticator::new();
    let session = page.enrol(&mut first).await.ok();
    let link = page.step_up(&mut first, &["credential:link"]).await;
    let mut second = Authenticator::new();
    let body = second.register(&page.get("/users/passkeys/register").await.ok(), ORIGIN);
    page.elevated(Method::POST, "/users/passkeys/register", Some(body), &link).await.ok();
    let by_removed = page.step_up(&mut second, &ALL).await;
    let unlink = page.step_up(&mut first, &["credential:unlink"]).await;
    let id = page.get("/users/passkeys").await.ok()["passkeys"][1]["id"].clone();
    page.elevated(Method::DELETE, "/users/passkeys", Some(json!({ "passkeyId": id })), &unlink)
        .await
        .no_content();

    let other_session = world.signed_in("ann@example.com").await;
    let of_other_session = other_session.step_up(&mut first, &ALL).await;
    let revoked = world.signed_in("ann@example.com").await;
    let of_revoked = revoked.step_up(&mut first, &ALL).await;
    revoked.post("/revoke", json!({})).await.no_content();
    let (bob, mut of_bob) = world.with_passkey("bob@example.com").await;
    let of_other_user = bob.step_up(&mut of_bob, &ALL).await;
    let mut elsewhere = world.page();
    elsewhere.environment = OTHER_ENVIRONMENT;
    let mut there = Authenticator::new();
    let elsewhere = world.sign_in_on(elsewhere, "eve@example.com").await;
    elsewhere.enrol(&mut there).await.ok();
    let of_other_environment = elsewhere.step_up(&mut there, &ALL).await;
    let lookalike = page.step_up(&mut first, &LOOKALIKES).await;
    let right = page.step_up(&mut first, &ALL).await;
    let mut forged = right.clone();
    let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
    forged.push(last);
    let payload = right.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiZWxldmF0ZWQrand0In0.{payload}.");

    let wrong = [
        ("garbage", "x".to_owned()),
        ("three parts of garbage", "a.b.c".to_owned()),
        ("a space before", format!(" {right}")),
        ("a scheme before", format!("Bearer {right}")),
        ("two tokens in one", format!("{right},{right}")),
        ("an access token", page.bearer.clone().unwrap()),
        ("an identity token", session["jwt"].as_str().unwrap().to_owned()),
        ("an API token", world.api_token.clone()),
        ("a forged signature", forged),
        ("no algorithm", none),
        ("scopes that look like it", lookalike),
        ("another session of the user", of_other_session),
        ("a session that was revoked", of_revoked),
        ("another user", of_other_user),
        ("another environment", of_other_environment),
        ("a passkey that was removed", by_removed),
        ("an e-mail code before there was a factor", token_of(&by_mail)),
    ];
    for gated in requests(&world, &page, 0).await {
        for absent in [None, Some("")] {
            let reply = gated.send(&page, absent).await;
            assert_eq!(reply.body["scope"], gated.scope);
            reply.refused(403, "elevated_token_required");
        }
        for (what, token) in &wrong {
            let reply = gated.send(&page, Some(token)).await;
            assert_eq!(
                (reply.status.as_u16(), reply.code()),
                (403, "elevated_token_invalid"),
                "{} {}: {what}",
                gated.operation,
                gated.scope
            );
        }
        // A permit for one action is none for another.
        for other in ALL.into_iter().filter(|other| *other != gated.scope) {
            let token = page.step_up(&mut first, &[other]).await;
            gated.send(&page, Some(&token)).await.refused(403, "elevated_token_invalid");
        }
    }
    for gated in requests(&world, &page, 1).await {
        gated.has_passed(&gated.send(&page, Some(&right)).await);
    }
}

/// The scopes of the table.
const ALL: [&str; 5] =
    ["credential:link", "credential:unlink", "credential:update", "user:update", "user:delete"];

/// A scope that only begins like a fixed one cannot be declared at all.
#[test]
fn scopes_that_begin_like_fixed_ones_cannot_be_declared() {
    for scope in ["credential:linked", "user:delete2", "wallet:exports", "credential:link "] {
        let mut settings = settings();
        settings.scopes.push(ScopeRule::new(scope));
        assert_eq!(settings.problems(Kind::Sandbox).len(), 1, "{scope}");
    }
}

#[tokio::test]
async fn a_token_opens_its_rows_until_it_expires() {
    let world = World::with(guarded()).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut authenticator, &ALL).await;
    world.advance(540);
    for round in 0..2 {
        let mut rows = requests(&world, &page, round).await;
        rows.pop();
        for gated in rows {
            gated.has_passed(&gated.send(&page, Some(&token)).await);
        }
    }
    world.advance(60);
    for gated in requests(&world, &page, 2).await {
        gated.send(&page, Some(&token)).await.refused(403, "elevated_token_expired");
    }
}

#[tokio::test]
async fn a_single_use_token_opens_one_row_once() {
    let world = World::with(single_use()).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    for gated in requests(&world, &page, 0).await {
        let token = page.step_up(&mut authenticator, &[gated.scope, "vault:open"]).await;
        gated.has_passed(&gated.send(&page, Some(&token)).await);
        if gated.operation == "deleteUser" {
            continue;
        }
        // Again, at another row, and at the app's backend.
        gated.send(&page, Some(&token)).await.refused(
            403,
            match gated.operation {
                // The address is the user's own by now, and proving it again needs nothing; the code is used up.
                "verifyEmail" => continue,
                "updateUser" if gated.scope == "user:update" => continue,
                // Asking again gives the same device: there is nothing that the token would open anew.
                "registerTotpDevice" => continue,
                _ => "elevated_token_used",
            },
        );
        let user = page.user_id().await;
        world.consume(&token, &user, "use-1").await.refused(403, "elevated_token_used");
    }
}

/// The permit is used up before the action begins, in a commit of its own: an action that fails needs a new one.
#[tokio::test]
async fn a_failed_action_needs_a_new_token() {
    let world = World::with(single_use()).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let id = page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
    let token = page.step_up(&mut authenticator, &["credential:unlink"]).await;
    let delete = async |id: Value, token: &str| {
        page.elevated(Method::DELETE, "/users/passkeys", Some(json!({ "passkeyId": id })), token).await
    };
    // What cannot be parsed has not begun.
    let path = page.sdk("/users/passkeys");
    let headers = [("x-dyn-elevated-access-token", token.as_str())];
    page.send(Method::DELETE, &path, Some("{".into()), &headers).await.refused(400, "invalid_body");
    delete(json!("x"), &token).await.refused(422, "passkey_not_found");
    delete(id.clone(), &token).await.refused(403, "elevated_token_used");
    let token = page.step_up(&mut authenticator, &["credential:unlink"]).await;
    delete(id, &token).await.no_content();
}

#[tokio::test]
async fn a_token_that_the_backend_spent_opens_no_row() {
    let world = World::with(single_use()).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut authenticator, &["user:delete", "vault:open"]).await;
    world.consume(&token, &page.user_id().await, "use-1").await.ok();
    page.elevated(Method::DELETE, "/users", None, &token).await.refused(403, "elevated_token_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_gates_and_backends_use_a_token_once() {
    let world = std::sync::Arc::new(World::with(single_use()).await);
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut authenticator, &["credential:unlink", "vault:open"]).await;
    let user = page.user_id().await;
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (world, page, token, user) = (world.clone(), page.clone(), token.clone(), user.clone());
        tries.spawn(async move {
            if n % 2 == 0 {
                world.consume(&token, &user, &format!("use-{n}")).await
            } else {
                let body = json!({ "passkeyId": "x" });
                page.elevated(Method::DELETE, "/users/passkeys", Some(body), &token).await
            }
        });
    }
    let replies = tries.join_all().await;
    let through = replies.iter().filter(|r| r.code() != "elevated_token_used").count();
    assert_eq!(through, 1);
}

/// Of two headers the first one counts, and nothing can hide behind it.
#[tokio::test]
async fn of_two_headers_the_first_counts() {
    let world = World::with(guarded()).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let right = page.step_up(&mut authenticator, &["credential:unlink"]).await;
    let send = async |tokens: [&str; 2]| {
        let headers = tokens.map(|token| ("x-dyn-elevated-access-token", token));
        let body = json!({ "passkeyId": "x" }).to_string();
        page.send(Method::DELETE, &page.sdk("/users/passkeys"), Some(body), &headers).await
    };
    send(["x", &right]).await.refused(403, "elevated_token_invalid");
    send(["", &right]).await.refused(403, "elevated_token_required");
    send([&right, "x"]).await.refused(422, "passkey_not_found");
}

/// Item 4 of the issue: a bearer that was stolen, six minutes after the sign-in, opens nothing that matters.
#[tokio::test]
async fn issue_item_4_a_stolen_bearer_changes_nothing() {
    let world = World::with(guarded()).await;
    for (email, with_passkey) in [("ann@example.com", false), ("bob@example.com", true)] {
        let page =
            if with_passkey { world.with_passkey(email).await.0 } else { world.signed_in(email).await };
        world.advance(360);
        let before = page.get("/users").await.ok();
        let stolen =
            Page { address: "198.51.100.9:4000".parse().unwrap(), headers: Vec::new(), ..page.clone() };
        stolen.post("/refresh", json!({})).await.ok();
        stolen.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
        for passkey in stolen.get("/users/passkeys").await.ok()["passkeys"].as_array().unwrap() {
            let body = json!({ "passkeyId": passkey["id"] }).to_string();
            let path = stolen.sdk("/users/passkeys");
            let reply = stolen.send(Method::DELETE, &path, Some(body), &[]).await;
            reply.refused(403, "elevated_token_required");
        }
        let change = json!({ "email": "mallory@example.com" });
        stolen.put("/users", change).await.refused(403, "elevated_token_required");
        // The thief's own address, proved with the thief's own code.
        let linked = stolen.email_link(&world, "mallory@example.com").await;
        linked.refused(403, "elevated_token_required");
        let path = stolen.sdk("/users");
        stolen.send(Method::DELETE, &path, None, &[]).await.refused(403, "elevated_token_required");
        stolen.put("/users", json!({ "alias": "Mallory" })).await.code();
        let after = page.get("/users").await.ok();
        assert_eq!(before["email"], after["email"]);
        assert_eq!(before["verifiedCredentials"], after["verifiedCredentials"]);
    }
}

impl Page {
    /// Proves another address in this session, without a token.
    async fn email_link(&self, world: &World, email: &str) -> Reply {
        let sent = self.post("/emailVerifications/create", json!({ "email": email })).await.created();
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": world.code(email).await });
        self.post("/emailVerifications/verify", body).await
    }
}

/// A change of address that an e-mail code permitted is not completed when the user has enrolled a passkey since.
/// (CVE-2023-3597: the step-up that was begun at the lower level.)
#[tokio::test]
async fn a_change_of_address_is_judged_again_when_it_is_completed() {
    let world = World::new().await;
    let owner = world.signed_in("ann@example.com").await;
    let thief = world.signed_in("ann@example.com").await;
    let token = token_of(&thief.email_step_up(&world, "ann@example.com", &["credential:update"]).await.ok());
    let body = json!({ "email": "mallory@example.com" });
    let begun = thief.elevated(Method::PUT, "/users", Some(body), &token).await.ok();
    owner.enrol(&mut Authenticator::new()).await.ok();
    let again = json!({ "verificationUUID": begun["emailVerification"]["verificationUUID"], "email": "mallory@example.com" });
    let retried = thief.post("/emailVerifications/retry", again).await.created();
    let code = world.code("mallory@example.com").await;
    let body = json!({ "verificationUUID": retried["verificationUUID"], "verificationToken": code });
    thief.post("/emailVerifications/verify", body).await.refused(403, "mfa_required");
    assert_eq!(owner.get("/users").await.ok()["email"], "ann@example.com");

    // The owner, who has the passkey, completes one in the session in which it was shown.
    let (page, mut authenticator) = world.with_passkey("bob@example.com").await;
    let token = page.step_up(&mut authenticator, &["credential:update"]).await;
    let body = json!({ "email": "bob2@example.com" });
    let begun = page.elevated(Method::PUT, "/users", Some(body), &token).await.ok();
    let code = world.code("bob2@example.com").await;
    let body = json!({ "verificationUUID": begun["emailVerification"]["verificationUUID"], "verificationToken": code });
    page.post("/emailVerifications/verify", body).await.ok();
    assert_eq!(page.get("/users").await.ok()["email"], "bob2@example.com");
}

/// Two requests at once remove the user's last two credentials: one stays, in every round.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_removals_leave_one_credential_that_signs_in() {
    let world = World::new().await;
    for round in 0..100 {
        world.deliver().await;
        let email = format!("ann{round}@example.com");
        let (page, mut first) = world.with_passkey(&email).await;
        let link = page.step_up(&mut first, &["credential:link"]).await;
        let mut second = Authenticator::new();
        let body = second.register(&page.get("/users/passkeys/register").await.ok(), ORIGIN);
        page.elevated(Method::POST, "/users/passkeys/register", Some(body), &link).await.ok();
        let token = page.step_up(&mut first, &["credential:unlink"]).await;
        // The store takes the address away, so that the two passkeys are the last ways in.
        let user: UserId = page.user_id().await.parse().unwrap();
        let mail =
            page.get("/users").await.ok()["verifiedCredentials"][0]["id"].as_str().unwrap().parse().unwrap();
        world.app.store.commit(Mutation::new([credentials::delete(ENVIRONMENT, user, mail)])).await.unwrap();
        let passkeys = page.get("/users/passkeys").await.ok();
        let ids: Vec<Value> =
            passkeys["passkeys"].as_array().unwrap().iter().map(|p| p["id"].clone()).collect();
        assert_eq!(ids.len(), 2);
        let mut tries = tokio::task::JoinSet::new();
        for id in ids {
            let (page, token) = (page.clone(), token.clone());
            tries.spawn(async move {
                let body = json!({ "passkeyId": id });
                page.elevated(Method::DELETE, "/users/passkeys", Some(body), &token).await
            });
        }
        let replies = tries.join_all().await;
        assert_eq!(replies.iter().filter(|r| r.status == 204).count(), 1, "round {round}: {replies:?}");
        assert_eq!(page.get("/users/passkeys").await.ok()["count"], 1);
    }
}

/// Design §2: the session id changes when a pending session becomes a full one, and never otherwise.
#[tokio::test]
async fn stepping_up_and_refreshing_keep_the_session_id() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let sid = page.get("/users").await.ok()["sessionId"].clone();
    for reply in [
        page.prove(&mut authenticator, &["vault:open"]).await,
        page.prove(&mut authenticator, &[]).await,
        page.email_step_up(&world, "ann@example.com", &[]).await,
        page.post("/refresh", json!({})).await,
    ] {
        let session = reply.ok();
        assert_eq!(session["user"]["sessionId"], sid);
        for token in ["jwt", "minifiedJwt"] {
            assert_eq!(crate::elevated::claims(session[token].as_str().unwrap())["sid"], sid);
        }
    }
}

/// GHSA-hp74-gm6m-2qm5 (Pocket ID): any recent token was taken for a recent proof.
#[tokio::test]
async fn a_refresh_is_no_proof() {
    let world = World::with({
        let mut settings = guarded();
        settings.recent_proof.link_seconds = 120;
        settings.recent_proof.unlink_seconds = 120;
        settings
    })
    .await;
    let mut page = world.signed_in("ann@example.com").await;
    world.advance(301);
    let session = page.post("/refresh", json!({})).await.ok();
    page.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
    for gated in requests(&world, &page, 0).await {
        let reply = gated.send(&page, None).await;
        // Without a second factor the rule for profile changes does not ask for one.
        if gated.scope == "user:update" {
            gated.has_passed(&reply);
        } else {
            reply.refused(403, "elevated_token_required");
        }
    }
    // A fresh code of a user with a factor is recent, and not of the right kind.
    page.email_step_up(&world, "ann@example.com", &[]).await.ok();
    page.enrol(&mut Authenticator::new()).await.ok();
    world.advance(130);
    page.email_step_up(&world, "ann@example.com", &[]).await.ok();
    for gated in requests(&world, &page, 1).await {
        gated.send(&page, None).await.refused(403, "elevated_token_required");
    }
}

// The step-up check

#[tokio::test]
async fn the_check_knows_the_scopes_of_the_environment_and_no_other() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    for scope in [
        "",
        " ",
        "vault",
        "vault:opened",
        "vault:open vault:open",
        "VAULT:OPEN",
        "credential:link ",
        "user:basic",
        "console:member:invite",
        "console:settings:update",
        "business_account:member:add",
        "business_account:transfer_ownership",
        "requiresAdditionalAuth",
    ] {
        page.post("/stepUp/check", json!({ "scope": scope })).await.refused(422, "invalid_scopes");
        let sent = page.email_step_up(&world, "ann@example.com", &[scope]).await;
        sent.refused(422, "invalid_scopes");
    }
    for body in
        [json!({}), json!({ "scope": ["vault:open"] }), json!({ "scope": "vault:open", "userId": "x" })]
    {
        page.post("/stepUp/check", body).await.refused(400, "invalid_body");
    }
    for (scope, operation) in [
        ("credential:link", "deletePasskey"),
        ("vault:open", "registerPasskey"),
        ("credential:link", "x"),
        ("credential:link", ""),
    ] {
        let body = json!({ "scope": scope, "operation": operation });
        page.post("/stepUp/check", body).await.refused(400, "invalid_parameter");
    }
    world.page().post("/stepUp/check", json!({ "scope": "vault:open" })).await.refused(401, "unauthorized");
}

/// What the check offers, for each kind of user.
#[tokio::test]
async fn the_check_offers_what_can_answer() {
    let world = World::with(guarded()).await;
    let check =
        async |page: &Page, scope: &str| page.post("/stepUp/check", json!({ "scope": scope })).await.ok();
    let page = world.signed_in("ann@example.com").await;
    // Rule 9: without a factor, what signs in. Rule 13: first the credential that opened the session.
    for scope in [
        "credential:link",
        "credential:unlink",
        "credential:update",
        "user:delete",
        "wallet:export",
        "vault:open",
    ] {
        let answer = check(&page, scope).await;
        assert_eq!(answer["isRequired"], true, "{scope}");
        assert_eq!(answer["credentials"].as_array().unwrap().len(), 1);
        assert_eq!(answer["credentials"][0]["format"], "email");
        assert_eq!(answer["credentials"][0]["alias"], "ann@example.com");
        assert!(answer["credentials"][0].get("type").is_none());
        assert_eq!(answer["defaultCredentialId"], answer["credentials"][0]["id"]);
    }
    // Rules 5 and 14: nothing is needed, and then nothing is offered.
    for scope in ["wallet:sign", "wallet:delegate", "user:update"] {
        let answer = check(&page, scope).await;
        assert_eq!(answer["isRequired"], false, "{scope}");
        assert_eq!(answer["credentials"], json!([]));
        assert!(answer.get("defaultCredentialId").is_none());
    }
    // Rule 8: with factors, the factors alone; the one that was added last comes first.
    let mut first = Authenticator::new();
    page.enrol(&mut first).await.ok();
    let link = page.step_up(&mut first, &["credential:link"]).await;
    let mut second = Authenticator::new();
    let body = second.register(&page.get("/users/passkeys/register").await.ok(), ORIGIN);
    page.elevated(Method::POST, "/users/passkeys/register", Some(body), &link).await.ok();
    let passkeys = page.get("/users/passkeys").await.ok();
    for scope in ["credential:link", "vault:open", "user:update"] {
        let answer = check(&page, scope).await;
        let ids: Vec<&Value> = answer["credentials"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
        assert_eq!(ids, [&passkeys["passkeys"][1]["id"], &passkeys["passkeys"][0]["id"]]);
        assert!(answer["credentials"].as_array().unwrap().iter().all(|c| c["type"] == "passkey"));
        assert_eq!(answer["defaultCredentialId"], passkeys["passkeys"][1]["id"]);
    }
}

/// Invariant 4: no header that a client sends as its version enters policy.
#[tokio::test]
async fn no_version_of_a_client_is_let_off() {
    let world = World::with(guarded()).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let answer = page.post("/stepUp/check", json!({ "scope": "credential:unlink" })).await.ok();
    let elevated = page.step_up(&mut authenticator, &["credential:unlink"]).await;
    for header in [
        ("x-dyn-version", "ClientSDK/0.1.0"),
        ("x-dyn-version", "WalletKit/1.0.0"),
        ("x-dyn-version", ""),
        ("x-dyn-api-version", "API/0.0.1"),
        ("x-dyn-api-version", "2026_01_01"),
        ("x-mfa-auth-token", "anything"),
        ("x-mfa-auth-token", elevated.as_str()),
        ("x-dyn-is-global-wallet-popup", "true"),
        ("x-http-method-override", "GET"),
    ] {
        let mut old = page.clone();
        old.headers.push((header.0.into(), header.1.into()));
        let same = old.post("/stepUp/check", json!({ "scope": "credential:unlink" })).await.ok();
        assert_eq!(same, answer, "{header:?}");
        for gated in requests(&world, &old, 0).await {
            gated.send(&old, None).await.refused(403, "elevated_token_required");
        }
    }
}

/// A small generator (xorshift64*), so that a seed names its sequence for good.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }
}

fn variants() -> Vec<Settings> {
    let change = |change: fn(&mut Settings)| {
        let mut settings = guarded();
        change(&mut settings);
        settings
    };
    vec![
        settings(),
        guarded(),
        change(|s| s.recent_proof.first_factor_seconds = 0),
        change(|s| {
            s.recent_proof.link_seconds = 200;
            s.recent_proof.unlink_seconds = 90;
        }),
        change(|s| {
            s.passkeys.user_verification = UserVerification::Preferred;
            s.recent_proof.unlink_seconds = 400;
        }),
        change(|s| {
            s.security.mfa.enrollment = Enrollment::Action;
            s.recent_proof.link_seconds = 300;
        }),
    ]
}

/// Design §2: the check says "not required" exactly when the gate lets pass.
#[tokio::test(flavor = "multi_thread")]
async fn the_check_and_the_gate_agree() {
    let mut both = [0, 0];
    for (which, settings) in variants().into_iter().enumerate() {
        for seed in 1..=3 {
            let world = World::with(settings.clone()).await;
            let run = Run { world: &world, name: format!("settings {which}, seed {seed}") };
            let [passed, refused] = run.through(Dice((seed << 32) + which as u64 + 1)).await;
            both[0] += passed;
            both[1] += refused;
        }
    }
    // The sequences have been through both.
    assert!(both[0] > 50 && both[1] > 300, "{both:?}");
}

struct Run<'a> {
    world: &'a World,
    name: String,
}

impl Run<'_> {
    async fn through(&self, mut dice: Dice) -> [usize; 2] {
        let mail = "ann@example.com";
        let mut page = self.world.signed_in(mail).await;
        let mut keys: Vec<Authenticator> = Vec::new();
        let (mut passed, mut refused) = (0, 0);
        for step in 0..10 {
            let what = dice.below(8);
            match what {
                0 => page = self.world.signed_in(mail).await,
                1 | 2 => {
                    let mut key = Authenticator::new();
                    key.user_verified = dice.below(3) > 0;
                    if page.enrol(&mut key).await.status == 200 {
                        keys.push(key);
                    }
                }
                3 => drop(page.email_step_up(self.world, mail, &[]).await.ok()),
                4 => {
                    if let Some(key) = keys.last_mut() {
                        let _either = page.prove(key, &[]).await;
                    }
                }
                5 => self.world.advance(i64::try_from(dice.below(400)).unwrap()),
                6 => {
                    if let Some(key) = keys.last_mut() {
                        let session = page.prove(key, &["credential:unlink"]).await;
                        let token = session.body["elevatedAccessToken"].as_str().unwrap_or_default();
                        let ids = page.get("/users/passkeys").await.ok();
                        let id = &ids["passkeys"][ids["passkeys"].as_array().unwrap().len() - 1]["id"];
                        let body = Some(json!({ "passkeyId": id }));
                        if page.elevated(Method::DELETE, "/users/passkeys", body, token).await.status == 204 {
                            keys.pop();
                        }
                    }
                }
                _ => drop(page.post("/refresh", json!({})).await.ok()),
            }
            let mut rows = requests(self.world, &page, step).await;
            // What passes deletes the user: it never may without a token, and is asked first.
            rows.rotate_right(1);
            for gated in rows {
                let context =
                    format!("{}, step {step} ({what}): {} {}", self.name, gated.operation, gated.scope);
                let named = json!({ "scope": gated.scope, "operation": gated.operation });
                let named = page.post("/stepUp/check", named).await.ok();
                let plain = page.post("/stepUp/check", json!({ "scope": gated.scope })).await.ok();
                let reply = gated.send(&page, None).await;
                let stopped = reply.code() == "elevated_token_required";
                assert_eq!(named["isRequired"], stopped, "{context}: {}", reply.body);
                if stopped {
                    refused += 1;
                    assert_eq!(plain["isRequired"], true, "{context}");
                    self.offers_what_works(&page, &gated, &plain).await;
                } else {
                    passed += 1;
                    gated.has_passed(&reply);
                    assert_eq!(named["credentials"], json!([]), "{context}");
                }
                assert!(Settings::default().scope(gated.scope).is_ok());
            }
        }
        [passed, refused]
    }

    /// What the check offers is the user's, and is a factor when there is one.
    async fn offers_what_works(&self, page: &Page, gated: &Gated, answer: &Value) {
        let methods = page.get("/users/mfa/methods").await.ok();
        let offered = answer["credentials"].as_array().unwrap();
        if answer["reason"] == "enrolment_required" {
            assert!(offered.is_empty());
            return;
        }
        assert!(!offered.is_empty(), "{}: {}", self.name, gated.operation);
        assert!(offered.iter().any(|c| c["id"] == answer["defaultCredentialId"]));
        if methods["userHasVerifiedMfaMethods"] == true {
            assert!(offered.iter().all(|c| c["format"] == "passkey"), "{}", self.name);
        }
    }
}
