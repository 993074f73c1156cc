//! Every operation has exactly one access class, and its class is what it does (invariant 2).

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use stile_server::{ACCESS, API_SCOPES, gate};

use crate::admin_reset::{api_token, call};
use crate::world::{ENVIRONMENT, OTHER_ENVIRONMENT, World};

pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    pub access: String,
    /// The scopes of tokens for it: an elevated token's where it is gated, an API token's where it takes one.
    pub scopes: Vec<String>,
    /// A body that the operation takes, so that its guard and not the body refuses.
    pub body: Option<Value>,
}

pub fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(stile_server::openapi_document()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            let operation = &item[method.as_str().to_ascii_lowercase()];
            let Some(id) = operation["operationId"].as_str() else { continue };
            let class =
                operation["x-stile-access"].as_str().expect("every operation declares x-stile-access");
            let ways = operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
            let scopes = ways.flat_map(|way| way.values()).filter_map(Value::as_array).flatten();
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let mut body = schema.is_object().then(|| example(&document, schema, ""));
            // All fields of a profile are optional; this one is gated.
            if let Some(fields) = body.as_mut().filter(|_| id == "updateUser") {
                fields["email"] = json!("other@example.com");
            }
            found.push(Operation {
                id: id.to_owned(),
                method,
                path: path.clone(),
                access: class.to_owned(),
                scopes: scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect(),
                body,
            });
        }
    }
    assert!(found.len() > 25, "the document is complete");
    found
}

/// A body that the schema takes: its required members alone.
fn example(document: &Value, schema: &Value, name: &str) -> Value {
    if let Some(place) = schema["$ref"].as_str() {
        return example(document, document.pointer(&place[1..]).unwrap(), name);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match (schema["type"].as_str(), name) {
        (Some("object"), _) => {
            let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            names
                .map(|name| (name.to_owned(), example(document, &schema["properties"][name], name)))
                .collect()
        }
        (Some("array"), _) => json!([]),
        (_, "scope") => json!("vault:open"),
        (_, "email") => json!("other@example.com"),
        _ => json!("AA"),
    }
}

#[tokio::test]
async fn every_operation_has_one_class_and_keeps_to_it() {
    let world = World::new().await;
    let stranger = world.page();
    for op in operations() {
        assert!(ACCESS.contains(&op.access.as_str()), "{}: unknown class {}", op.id, op.access);
        let path = op.path.replace("{environmentId}", &stranger.environment.to_string());
        let reply = stranger.send(op.method, &path, op.body.map(|b| b.to_string()), &[]).await;
        let refused = reply.status == 401;
        assert_eq!(
            refused,
            op.access != "public",
            "{} ({}) answered {} {}",
            op.id,
            op.access,
            reply.status,
            reply.body
        );
    }
}

#[test]
fn every_gated_operation_has_a_row_and_every_row_an_operation() {
    let gated: BTreeSet<String> =
        operations().into_iter().filter(|op| op.access == "gated").map(|op| op.id).collect();
    let rows: BTreeSet<String> = gate::table().into_iter().map(|row| row.operation.to_owned()).collect();
    assert_eq!(gated, rows);
}

#[tokio::test]
async fn an_old_session_passes_no_gate() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let sent = page.post("/emailVerifications/create", json!({ "email": "new@example.com" })).await.created();
    let code = world.code("new@example.com").await;
    world.advance(360);
    for op in operations().into_iter().filter(|op| op.access == "gated") {
        let body = match op.id.as_str() {
            // This gate is reached by a right code alone.
            "verifyEmail" => {
                Some(json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code }))
            }
            _ => op.body,
        };
        let path = op.path.replace("{environmentId}", &page.environment.to_string());
        let reply = page.send(op.method, &path, body.map(|b| b.to_string()), &[]).await;
        let scope = reply.body["scope"].as_str().unwrap_or_default();
        assert!(
            op.scopes.iter().any(|named| named == scope),
            "{}: the document does not name {scope}",
            op.id
        );
        reply.refused(403, "elevated_token_required");
    }
    assert!(world.audit().await.iter().any(|event| event == "gate.refused"));
}

#[tokio::test]
async fn a_token_of_one_environment_is_none_in_another() {
    let world = World::new().await;
    let mut page = world.signed_in("ann@example.com").await;
    page.get("/users").await.ok();
    page.environment = OTHER_ENVIRONMENT;
    page.get("/users").await.refused(401, "unauthorized");
}

/// Each operation for API tokens asks for the one scope that the document names, in the token's own environment.
#[tokio::test]
async fn an_api_token_is_taken_for_its_scope_and_in_its_environment_alone() {
    let world = World::new().await;
    let user = world.signed_in("ann@example.com").await.user_id().await;
    let mut asked = BTreeSet::new();
    for op in operations().into_iter().filter(|op| op.access == "apiToken") {
        let [own] = &op.scopes[..] else { panic!("{}: {:?}", op.id, op.scopes) };
        let path = op.path.replace("{environmentId}", &ENVIRONMENT.to_string()).replace("{userId}", &user);
        let send = async |bearer: Option<&str>| {
            call(&world, op.method.clone(), &path, bearer, op.body.clone()).await
        };
        send(None).await.refused(401, "invalid_api_token");
        let others: Vec<_> = API_SCOPES.iter().copied().filter(|scope| scope != own).collect();
        let other = api_token(&world, ENVIRONMENT, &others).await;
        send(Some(&other)).await.refused(403, "api_token_forbidden");
        let foreign = api_token(&world, OTHER_ENVIRONMENT, API_SCOPES).await;
        // Where the path names no environment, the token does: there is no such user in its own.
        let names_it = op.path.contains("{environmentId}");
        let refusal = if names_it { (403, "api_token_forbidden") } else { (404, "user_not_found") };
        send(Some(&foreign)).await.refused(refusal.0, refusal.1);
        let right = send(Some(&api_token(&world, ENVIRONMENT, &[own]).await)).await;
        assert!(!right.code().contains("api_token"), "{}: {}", op.id, right.body);
        asked.insert(own.clone());
    }
    assert!(asked.iter().eq(API_SCOPES), "every scope is asked for: {asked:?}");
}

/// Operations that take a device proof name its headers, and no other does.
#[tokio::test]
async fn a_device_proof_is_judged_where_the_document_names_it() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let sent = page.post("/emailVerifications/create", json!({ "email": "new@example.com" })).await.created();
    let document = serde_json::to_value(stile_server::openapi_document()).unwrap();
    // Ends the session or the user: asked last.
    let mut all = operations();
    all.sort_by_key(|op| ["revokeSession", "deleteUser"].contains(&op.id.as_str()));
    let mut judged = 0;
    for op in all {
        let path = op.path.replace("{environmentId}", &page.environment.to_string());
        let body = match op.id.as_str() {
            "createEmailVerification" => Some(json!({ "email": "new@example.com" })),
            "retryEmailVerification" => {
                Some(json!({ "email": "new@example.com", "verificationUUID": sent["verificationUUID"] }))
            }
            _ => op.body,
        };
        let half = [("x-dynamic-device-nonce", "x")];
        let reply = page.send(op.method.clone(), &path, body.map(|b| b.to_string()), &half).await;
        let method = op.method.as_str().to_ascii_lowercase();
        let named = document["paths"][&op.path][method]["parameters"].to_string().contains(half[0].0);
        assert_eq!(reply.code() == "invalid_device_proof", named, "{}: {}", op.id, reply.body);
        judged += usize::from(named);
    }
    assert_eq!(judged, 6);
}
