//! What older clients expect.

use serde_json::{Value, json};

use super::Tape;

async fn posts(tape: Tape, path: &str, bodies: &[(&str, Value)]) {
    let page = tape.plain().await.page();
    for (name, body) in bodies {
        tape.case(name, page.post(path, body.clone())).await;
    }
    tape.end();
}

#[tokio::test]
async fn connect() {
    let whole = json!({ "address": "0x0", "chain": "EVM", "provider": "x", "walletName": "x" });
    posts(Tape::of("connect").await, "/connect", &[("whole", whole), ("empty", json!({}))]).await;
}

#[tokio::test]
async fn prefetch() {
    let whole = json!({ "chain": "EVM", "publicWalletAddress": "0x0" });
    posts(Tape::of("prefetch").await, "/prefetch", &[("whole", whole), ("empty", json!({}))]).await;
}

#[tokio::test]
async fn publish_events() {
    let many = |n: usize| json!({ "events": vec![json!({ "name": "x" }); n] });
    let bodies = [("one", many(1)), ("none", many(0)), ("eleven", many(11))];
    posts(Tape::of("publishEvents").await, "/events", &bodies).await;
}

#[tokio::test]
async fn publish_sdk_settings() {
    let whole = json!({ "frameworkSettings": { "x": 1 } });
    let bodies = [("whole", whole), ("empty", json!({}))];
    posts(Tape::of("publishSdkSettings").await, "/sdkSettings", &bodies).await;
}

#[tokio::test]
async fn get_networks() {
    let tape = Tape::of("getNetworks").await;
    tape.case("none", tape.plain().await.page().get("/networks")).await;
    tape.end();
}

#[tokio::test]
async fn healthcheck() {
    let tape = Tape::of("healthcheck").await;
    tape.case("healthy", tape.plain().await.page().get("/healthcheck")).await;
    tape.end();
}
