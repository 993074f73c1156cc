//! What operations refuse whatever they do: a missing or wrong bearer, an invalid body, a missing or wrong elevated token.

use serde_json::{Value, json};
use stile_core::settings::{ScopeRule, TokenBehavior};
use stile_server::{API_SCOPES, gate};

use super::Tape;
use crate::access::Operation;
use crate::admin_reset::api_token;
use crate::edge::raw;
use crate::world::{ENVIRONMENT, ORIGIN, OTHER_ENVIRONMENT, Page, Reply, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub async fn record(tape: &Tape, op: &Operation) {
    let mut settings = settings();
    // Whoever has a factor owes it at the next sign-in.
    settings.security.mfa.enabled = true;
    let scopes = gate::table().into_iter().filter(|row| row.operation == op.id).map(|row| row.scope);
    for scope in scopes.map(|scope| scope.to_string()) {
        let token_behavior = Some(TokenBehavior::SingleUse);
        settings.scopes.push(ScopeRule { token_behavior, ..ScopeRule::new(&scope) });
    }
    let world = tape.world(settings).await;
    let (ann, mut passkey) = world.with_passkey(ANN).await;
    let with = |bearer: &str| Page { bearer: Some(bearer.to_owned()), ..world.page() };
    if op.access != "public" {
        tape.case("without a bearer", send(op, &world.page(), None)).await;
        tape.case("with an invalid bearer", send(op, &with("x"), None)).await;
    }
    let caller = match op.access.as_str() {
        "public" => world.page(),
        "apiToken" => {
            let [own] = &op.scopes[..] else { panic!("{}: {:?}", op.id, op.scopes) };
            let others = API_SCOPES.iter().filter(|scope| *scope != own).copied().collect::<Vec<_>>();
            let foreign = api_token(&world, OTHER_ENVIRONMENT, &[own]).await;
            let other = api_token(&world, ENVIRONMENT, &others).await;
            let own = api_token(&world, ENVIRONMENT, &[own]).await;
            tape.case("with an API token of another scope", send(op, &with(&other), None)).await;
            tape.case("with an API token of another environment", send(op, &with(&foreign), None)).await;
            tape.case("with a session's bearer", send(op, &ann, None)).await;
            with(&own)
        }
        _ => {
            let pending = world.signed_in(ANN).await;
            let ended = world.signed_in(BOB).await;
            ended.post("/revoke", json!({})).await.no_content();
            tape.case("in a session that owes a factor", send(op, &pending, None)).await;
            tape.case("in an ended session", send(op, &ended, None)).await;
            let foreign = Page { environment: OTHER_ENVIRONMENT, ..ann.clone() };
            tape.case("with a session of another environment", send(op, &foreign, None)).await;
            ann.clone()
        }
    };
    bodies(tape, &world, op, &caller).await;
    if op.access != "gated" {
        return;
    }
    // This gate is reached by a right code alone.
    if op.id == "verifyEmail" {
        return;
    }
    let scope = gate::table().into_iter().find(|row| row.operation == op.id).unwrap().scope.to_string();
    let other_scope = ann.step_up(&mut passkey, &["wallet:sign"]).await;
    let other = world.signed_in(ANN).await;
    let session = other.prove(&mut passkey, &[&scope]).await.ok();
    let of_other_session = session["elevatedAccessToken"].as_str().unwrap();
    let access = ann.bearer.clone().unwrap();
    tape.case("without an elevated token", send(op, &ann, None)).await;
    tape.case("with an invalid elevated token", send(op, &ann, Some("x"))).await;
    tape.case("with an access token as elevated token", send(op, &ann, Some(&access))).await;
    tape.case("with an elevated token of another scope", send(op, &ann, Some(&other_scope))).await;
    tape.case("with an elevated token of another session", send(op, &ann, Some(of_other_session))).await;
    let token = ann.step_up(&mut passkey, &[&scope]).await;
    world.advance(601);
    tape.case("with an expired elevated token", send(op, &ann, Some(&token))).await;
    let token = ann.step_up(&mut passkey, &[&scope]).await;
    send(op, &ann, Some(&token)).await;
    tape.case("with a used single-use token", send(op, &ann, Some(&token))).await;
}

fn path(op: &Operation, environment: &str) -> String {
    let parts = op.path.split('/').map(|part| match part {
        "{environmentId}" => environment,
        _ if part.starts_with('{') => NOBODY,
        _ => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The bodies of what is recorded: an answer says at which column its body was wrong.
fn body(id: &str) -> Option<Value> {
    match id {
        "deletePasskey" => Some(json!({ "passkeyId": "x" })),
        "unlinkCredential" => Some(json!({ "verifiedCredentialId": "x" })),
        "updateUser" => Some(json!({ "email": "other@example.com" })),
        "registerPasskey" => Some(json!({
            "id": "AA", "rawId": "AA", "type": "public-key", "clientExtensionResults": {},
            "response": { "attestationObject": "AA", "clientDataJson": "AA" },
        })),
        "checkStepUp" => Some(json!({ "scope": "vault:open" })),
        "authenticatePasskey" | "signInWithPasskey" => Some(json!({
            "id": "AA", "rawId": "AA", "type": "public-key", "clientExtensionResults": {},
            "response": { "clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA" },
        })),
        "verifyEmail" | "signInWithEmail" => {
            Some(json!({ "verificationUUID": "x", "verificationToken": "x" }))
        }
        "renamePasskey" => Some(json!({ "id": "x" })),
        "consumeElevatedToken" => {
            Some(json!({ "token": "x", "scope": "vault:open", "userId": "x", "useId": "x" }))
        }
        _ => None,
    }
}

async fn send(op: &Operation, page: &Page, elevated: Option<&str>) -> Reply {
    let headers: Vec<_> = elevated.into_iter().map(|token| ("x-dyn-elevated-access-token", token)).collect();
    let body = body(&op.id).map(|body| body.to_string());
    page.send(op.method.clone(), &path(op, &page.environment.to_string()), body, &headers).await
}

/// Invalid bodies, from somebody who may call the operation.
async fn bodies(tape: &Tape, world: &World, op: &Operation, caller: &Page) {
    let document = serde_json::to_value(stile_server::openapi_document()).unwrap();
    let method = op.method.as_str().to_ascii_lowercase();
    let declared = &document["paths"][&op.path][method]["requestBody"];
    let schema = &declared["content"]["application/json"]["schema"]["$ref"];
    let Some(schema) = schema.as_str() else { return };
    let schema = document.pointer(schema.trim_start_matches('#')).unwrap();
    let member = schema["properties"].as_object().unwrap().keys().min().unwrap();
    let path = path(op, &caller.environment.to_string());
    let bearer = format!("Bearer {}", caller.bearer.as_deref().unwrap_or_default());
    let send = async |kind: &str, body: &str| {
        let headers = [("content-type", kind), ("origin", ORIGIN), ("authorization", &bearer)];
        raw(world, op.method.clone(), &path, &headers, body).await
    };
    let with = |name: &str, value: Value| {
        let mut body = body(&op.id).unwrap_or_else(|| json!({}));
        body[name] = value;
        body.to_string()
    };
    let kind = "application/json";
    tape.case("without a body", send(kind, "")).await;
    tape.case("with invalid JSON", send(kind, "{")).await;
    tape.case("with a JSON string as body", send(kind, "\"x\"")).await;
    tape.case("with another content type", send("text/plain", "{}")).await;
    tape.case("with an unknown member", send(kind, &with("unknown", json!(true)))).await;
    tape.case("with a member of the wrong type", send(kind, &with(member, json!(7)))).await;
    tape.case("with too large a body", send(kind, &with(member, "x".repeat(70_000).into()))).await;
}
