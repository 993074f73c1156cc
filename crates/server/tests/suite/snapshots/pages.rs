//! Everything beside the operations: the edge, the undo page, development surfaces, and what operators ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::Method;
use serde_json::json;
use stile_core::origin::OriginPattern;
use stile_server::{Config, Development};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Tape;
use crate::edge::raw;
use crate::undo::{browse, with_added};
use crate::world::{ENVIRONMENT, ORIGIN, Page, config, settings};

const ANN: &str = "ann@example.com";
const HOST: (&str, &str) = ("host", "localhost:7845");

#[tokio::test]
async fn edge() {
    let tape = Tape::apart("-edge");
    let mut all = settings();
    all.allowed_origins = vec![OriginPattern::Exact("https://app.example.com".into())];
    all.passkeys.rp_id = Some("example.com".into());
    let related = tape.world(all).await;
    let world = tape.plain().await;
    let page = world.page();
    let get = async |path: &str| raw(&world, Method::GET, path, &[HOST], "").await;
    for path in ["/healthz", "/readyz", "/openapi.json", "/.well-known/webauthn", "/nowhere", "/dev/clock"] {
        tape.case(path, get(path)).await;
    }
    let named = [("host", "example.com")];
    tape.case("related origins", raw(&related, Method::GET, "/.well-known/webauthn", &named, "")).await;
    let hosts = [HOST, ("host", "evil.example")];
    tape.case("two hosts", raw(&world, Method::GET, "/healthz", &hosts, "")).await;
    let asked = [("origin", ORIGIN), ("access-control-request-headers", "authorization, x-trace")];
    let settings = page.sdk("/settings");
    tape.case("a preflight", raw(&world, Method::OPTIONS, &settings, &asked, "")).await;
    let evil = [("origin", "https://evil.example")];
    tape.case("a preflight of another origin", raw(&world, Method::OPTIONS, &settings, &evil, "")).await;
    tape.case("another origin", raw(&world, Method::GET, &settings, &evil, "")).await;
    let nowhere = "/api/v0/sdk/00000000-0000-4000-8000-000000000000/settings";
    tape.case("a preflight to no environment", raw(&world, Method::OPTIONS, nowhere, &asked, "")).await;
    tape.case("no environment", get(nowhere)).await;
    tape.case("no environment's id", get("/api/v0/sdk/x/settings")).await;
    let consume = format!("/api/v0/environments/{ENVIRONMENT}/elevated-tokens/consume");
    tape.case("a preflight to a backend's route", raw(&world, Method::OPTIONS, &consume, &asked, "")).await;
    tape.case("no route", page.get("/nowhere")).await;
    tape.case("an unsupported route", page.get("/users/embeddedWallets")).await;
    tape.case("another method", page.put("/settings", json!({}))).await;
    world.configure(json!({ "security": { "environmentLocked": true } })).await;
    tape.case("a locked environment", page.get("/nonce")).await;
    tape.case("the settings of a locked environment", page.get("/settings")).await;
    tape.end();
}

#[tokio::test]
async fn pages() {
    let tape = Tape::apart("-pages");
    let world = tape.plain().await;
    let (_, link) = with_added(&world).await;
    tape.case("the link", browse(&world.router, Method::GET, &link)).await;
    tape.case("the button", browse(&world.router, Method::POST, &link)).await;
    tape.case("the link again", browse(&world.router, Method::GET, &link)).await;
    tape.case("the button again", browse(&world.router, Method::POST, &link)).await;
    tape.case("an invalid link", browse(&world.router, Method::GET, "x")).await;
    let get = async |path: &str| raw(&world, Method::GET, path, &[HOST], "").await;
    for path in ["/undo", "/docs/api", "/docs/api/nowhere", "/"] {
        tape.case(path, get(path)).await;
    }
    tape.end();
}

#[tokio::test]
async fn development() {
    let tape = Tape::apart("-development");
    let developing = async |access_token: Option<&str>| {
        let access_token = access_token.map(str::to_owned);
        let development = Some(Development { access_token, demo_api_tokens: BTreeMap::new() });
        tape.configured(settings(), Config { development, ..config() }).await
    };
    let world = developing(None).await;
    let json = ("content-type", "application/json");
    let get = async |path: &str| raw(&world, Method::GET, path, &[HOST], "").await;
    for path in ["/", "/demo", "/dev/outbox", "/dev/outbox?to=ann@example.com", "/dev/clock"] {
        tape.case(path, get(path)).await;
    }
    let html = [HOST, ("accept", "text/html")];
    let reply = raw(&world, Method::GET, "/dev/outbox", &html, "").await;
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let post = async |body: &str| raw(&world, Method::POST, "/dev/clock", &[HOST, json], body).await;
    tape.case("the clock moved", post(r#"{"advanceSeconds":60}"#)).await;
    tape.case("the clock moved by nothing", post("{}")).await;
    let evil = [HOST, ("origin", "https://evil.example")];
    tape.case("another origin", raw(&world, Method::GET, "/dev/clock", &evil, "")).await;
    let named = [("host", "evil.example")];
    tape.case("another host", raw(&world, Method::GET, "/dev/clock", &named, "")).await;
    let open = async |page: &Page| {
        let bearer = page.bearer.clone().map(|bearer| format!("Bearer {bearer}")).unwrap_or_default();
        let headers = [HOST, ("authorization", &bearer)];
        raw(&world, Method::POST, "/demo/api/vault/open", &headers, "").await
    };
    tape.case("the vault without a bearer", open(&world.page())).await;
    tape.case("the vault of no demo", open(&world.signed_in(ANN).await)).await;
    let world = developing(Some("secret")).await;
    let get = async |path: &str| raw(&world, Method::GET, path, &[HOST], "").await;
    tape.case("without the token", get("/dev/clock")).await;
    tape.case("with the token", get("/dev/clock?devToken=secret")).await;
    tape.end();
}

/// The names and labels of what is counted, without the numbers.
#[tokio::test]
async fn metrics() {
    let tape = Tape::apart("-metrics");
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    page.get("/users/nowhere").await;
    world.page().get("/users").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(stile_server::serve_metrics(Arc::clone(&world.app), listener, stopped));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    stop.send(true).unwrap();
    served.await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n"), "{head}");
    let lines = body.lines().map(|line| match line.rsplit_once(' ') {
        Some((name, _)) if !line.starts_with('#') => name,
        _ => line,
    });
    tape.add(
        "the page",
        json!({ "request": "GET /metrics", "status": 200, "body": lines.collect::<Vec<_>>() }),
    );
    tape.end();
}
