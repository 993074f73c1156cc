//! The HTTP edge under attack: paths, bodies, origins, rates, and what development leaves open.

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;
use stile_core::settings::{Rate, Settings};
use stile_server::flows::environments;
use stile_server::{Config, Development};
use tower::ServiceExt;

use crate::device::DeviceKey;
use crate::world::{ENVIRONMENT, ORIGIN, OTHER_ENVIRONMENT, Page, Reply, World, settings};

const CREATE: &str = "/emailVerifications/create";

/// A request with nothing but these headers.
pub async fn raw(world: &World, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(ConnectInfo("203.0.113.7:1".parse::<std::net::SocketAddr>().unwrap()));
    let (parts, body) = world.router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Reply { status: parts.status, headers: parts.headers, body }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn an_environment_is_named_by_its_whole_id() {
    let world = World::new().await;
    let page = world.page();
    for id in [
        "00000000-0000-4000-8000-000000000000",
        "x",
        "%00",
        "07070707070707070707070707070707",
        "%7B07070707-0707-0707-0707-070707070707%7D",
        "07070707-0707-0707-0707-07070707070%37",
        "07070707-0707-0707-0707-070707070707%00",
        "07070707-0707-0707-0707-0707070707071",
        "..",
        "%2e%2e",
        "*",
    ] {
        let reply = page.send(Method::GET, &format!("/api/v0/sdk/{id}/settings"), None, &[]).await;
        // Every page may read that there is nothing, and nothing else: no page is let into anybody's environment.
        assert_eq!(reply.headers["access-control-allow-origin"], "*");
        reply.refused(404, "environment_not_found");
    }
    page.get("/settings").await.ok();
}

/// The environment that was checked is the one that is acted in, however the path is written.
#[tokio::test]
async fn no_spelling_of_a_path_leaves_its_environment() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let (own, other) = (ENVIRONMENT.to_string(), OTHER_ENVIRONMENT.to_string());
    for path in [
        format!("/api/v0/sdk/{own}/%2e%2e/{other}/users"),
        format!("/api/v0/sdk/{own}/../{other}/users"),
        format!("/api/v0/sdk/{own}/..%2f{other}/users"),
        format!("/api/v0/sdk/{own}//users"),
        format!("/api/v0/sdk/{own}/users/"),
        format!("/api/v0/sdk/{own}/users%2f"),
        format!("/api/v0/sdk/{own}/%75sers%00"),
        format!("/api/v0/sdk/{own}/USERS"),
        format!("/api/v0/sdk/{own}/users;x=1"),
        format!("/api/v0/sdk/{own}"),
        format!("/api/v0/sdk/{own}/"),
        format!("//api/v0/sdk/{own}/users"),
        format!("/api/v0//sdk/{own}/users"),
        format!("/api/v0/sdk//{own}/users"),
        format!("/api/v0/SDK/{own}/users"),
        format!("/api/v1/sdk/{own}/users"),
        format!("/api/v0/environments/{own}/users"),
        "/api/v0/sdk".into(),
        "/".into(),
        "/etc/passwd".into(),
    ] {
        let reply = page.send(Method::GET, &path, None, &[]).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.body["error"].is_string(), "{path}");
    }
    // The id in capitals is the same id; a token is for its environment still.
    let reply = page.send(Method::GET, &format!("/api/v0/sdk/{}/users", own.to_uppercase()), None, &[]).await;
    reply.ok();
    page.send(Method::GET, &format!("/api/v0/sdk/{other}/users"), None, &[])
        .await
        .refused(401, "unauthorized");
}

#[tokio::test]
async fn what_is_not_there_says_so_and_what_is_left_out_says_that() {
    let world = World::new().await;
    let page = world.page();
    page.get("/nothing").await.refused(404, "not_found");
    // CVE-2026-33473: no legacy way around a gate.
    for path in ["/verify/unlink/x", "/users/mfa/auth/sms", "/emailVerifications/verify/x"] {
        page.get(path).await.refused(404, "not_found");
    }
    for path in [
        "/farcaster/signin",
        "/telegram/verify",
        "/checkTelegramAuth",
        "/businessAccounts",
        "/users/embeddedWallets",
        "/realtime/auth",
        "/exchanges",
        "/users/mfa/register/passkey",
        "/users/mfa/auth/email",
    ] {
        page.get(path).await.refused(404, "not_supported");
        page.post(path, json!({})).await.refused(404, "not_supported");
    }
    // The other surfaces leave nothing out, and theirs is the layer around what is not there: it lets pages of allowed
    // origins read the answer, and asks for the API token that says which environment is meant.
    let backend = format!("/api/v0/environments/{ENVIRONMENT}/farcaster/signin");
    let answer = page.send(Method::GET, &backend, None, &[]).await;
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
    answer.refused(404, "not_found");
    let admin = "/api/v0/users/x/farcaster";
    page.send(Method::GET, admin, None, &[]).await.refused(401, "invalid_api_token");
    let operator = Page { bearer: Some(world.api_token.clone()), ..page };
    operator.send(Method::GET, admin, None, &[]).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_wrong_method_is_refused_in_json() {
    let world = World::new().await;
    let page = world.page();
    for (method, path) in [
        (Method::GET, CREATE),
        (Method::DELETE, "/settings"),
        (Method::PATCH, "/users"),
        (Method::PUT, "/refresh"),
        (Method::GET, "/revoke"),
        (Method::TRACE, "/users"),
    ] {
        let reply = page.send(method, &page.sdk(path), None, &[]).await;
        assert_eq!(header(&reply.headers, "content-type"), Some("application/json"));
        assert!(reply.headers.contains_key("allow"));
        assert_eq!(header(&reply.headers, "access-control-allow-origin"), Some(ORIGIN));
        reply.refused(405, "method_not_allowed");
    }
    raw(&world, Method::from_bytes(b"FOO").unwrap(), &page.sdk("/users"), &[], "")
        .await
        .refused(405, "method_not_allowed");
    let sent = [("x-http-method-override", "DELETE"), ("x-method-override", "DELETE")];
    page.send(Method::GET, &page.sdk("/settings?_method=DELETE"), None, &sent).await.ok();
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let world = World::new().await;
    let page = world.page();
    let get = page.get("/settings").await;
    let head = page.send(Method::HEAD, &page.sdk("/settings"), None, &[]).await;
    assert_eq!((head.status, &head.body), (StatusCode::OK, &Value::Null));
    assert_eq!(head.headers.get("etag"), get.headers.get("etag"));
    assert_eq!(page.send(Method::HEAD, &page.sdk("/users"), None, &[]).await.status, 401);
    assert_eq!(page.send(Method::HEAD, &page.sdk(CREATE), None, &[]).await.status, 405);
}

#[tokio::test]
async fn bodies_are_json_of_the_asked_form_and_of_a_bounded_size() {
    let world = World::new().await;
    let path = world.page().sdk(CREATE);
    let post = |kind: &'static str, body: String| {
        let (world, path) = (&world, path.clone());
        async move {
            let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
            raw(world, Method::POST, &path, headers, &body).await
        }
    };
    let good = r#"{"email":"ann@example.com"}"#.to_owned();
    // ASVS 7.6, CSRF: what a form of a foreign page can send is not read.
    for kind in
        ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
    {
        post(kind, good.clone()).await.refused(415, "unsupported_media_type");
    }
    for body in [
        "",
        "x",
        "null",
        "[]",
        "\"x\"",
        "{}",
        "{",
        r#"{"email":1}"#,
        r#"{"email":["ann@example.com"]}"#,
        r#"{"email":"ann@example.com","userId":"x"}"#,
        r#"{"email":"ann@example.com","email":"eve@example.com"}"#,
        r#"{"email":"ann@example.com"}{}"#,
        "\u{feff}{\"email\":\"ann@example.com\"}",
        &format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)),
        &format!("{}1{}", "{\"email\":".repeat(5_000), "}".repeat(5_000)),
    ] {
        let reply = post("application/json", body.into()).await;
        assert!(reply.body["error"].as_str().is_some_and(|text| text.chars().count() <= 300));
        reply.refused(400, "invalid_body");
    }
    let fits = |n: usize| format!("{}{}", " ".repeat(n - good.len()), good);
    post("application/json; charset=utf-8", fits(64 * 1024)).await.created();
    post("application/json", fits(64 * 1024 + 1)).await.refused(413, "body_too_large");
    // Before it is read: the length that is announced.
    let page = world.signed_in("ann@example.com").await;
    let large = json!({ "metadata": { "x": "y".repeat(70_000) } });
    page.put("/users", large).await.refused(413, "body_too_large");
}

/// Every header of endpoints.md §1: one that is missing breaks clients with an opaque network error.
#[tokio::test]
async fn a_preflight_grants_what_clients_of_the_contract_send() {
    let world = World::new().await;
    let page = world.page();
    let sent =
        [("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")];
    for path in [CREATE, "/users", "/nothing"] {
        let reply = page.send(Method::OPTIONS, &page.sdk(path), None, &sent).await;
        assert_eq!(reply.status, 204);
        assert_eq!(header(&reply.headers, "access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(header(&reply.headers, "access-control-allow-credentials"), None, "no cookies are read");
        assert!(header(&reply.headers, "access-control-max-age").unwrap().parse::<u32>().unwrap() >= 600);
        let listed = |name: &str| -> Vec<String> {
            header(&reply.headers, name).unwrap().split(',').map(|word| word.trim().to_owned()).collect()
        };
        assert_eq!(
            listed("access-control-allow-methods"),
            ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        );
        let granted = listed("access-control-allow-headers");
        for name in [
            "content-type",
            "authorization",
            "x-dyn-api-version",
            "x-dyn-version",
            "x-dyn-request-id",
            "x-dyn-session-id",
            "x-dyn-session-public-key",
            "x-dynamic-platform",
            "x-dynamic-device-nonce",
            "x-dynamic-device-publickey",
            "x-dynamic-device-signed-nonce",
            "x-dynamic-device-registration-token",
            "x-dyn-elevated-access-token",
            "x-mfa-auth-token",
            "x-dyn-logout-reason",
            "x-idempotency-key",
            "x-dyn-client-session-signature",
            "x-dyn-trace-id",
            "x-dyn-trace-elapsed-time",
            "x-dyn-wallet-sdk-version",
            "x-forward-mpc-client",
            "x-dyn-device-fingerprint",
            "x-dyn-is-global-wallet-popup",
        ] {
            assert!(granted.iter().any(|word| word == name), "{name}");
        }
    }
}

/// Tracing libraries add headers of their own to a page's requests (sentry-javascript#6077).
#[tokio::test]
async fn a_preflight_grants_what_it_asks_for_within_bounds() {
    let world = World::new().await;
    let page = world.page();
    let granted = async |asked: &str| -> Vec<String> {
        let sent = [("access-control-request-method", "POST"), ("access-control-request-headers", asked)];
        let reply = page.send(Method::OPTIONS, &page.sdk(CREATE), None, &sent).await;
        assert!(reply.headers.get_all("vary").iter().any(|v| v == "access-control-request-headers"));
        let all = header(&reply.headers, "access-control-allow-headers").unwrap().to_owned();
        all.split(',').map(|word| word.trim().to_owned()).collect()
    };
    let plain = granted("").await;
    let more = granted("Authorization,baggage, Sentry-Trace ,traceparent,tracestate").await;
    assert_eq!(more[plain.len()..], ["baggage", "sentry-trace", "traceparent", "tracestate"]);
    assert_eq!(more[..plain.len()], plain);
    for bad in ["*", "a b", "a\tb", "a:b", "é", "\"a\"", &"a".repeat(101), ",,,"] {
        assert_eq!(granted(bad).await, plain, "{bad}");
    }
    let many = (0..1_000).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(granted(&many).await.len(), plain.len() + 50);
}

/// What stands in front may have read the other one.
#[tokio::test]
async fn a_request_names_one_host() {
    let world = World::new().await;
    let path = world.page().sdk("/settings");
    for hosts in [["a.example", "b.example"], ["a.example", "a.example"]] {
        let sent = hosts.map(|host| ("host", host));
        let reply = raw(&world, Method::GET, &path, &sent, "").await;
        assert_eq!(header(&reply.headers, "x-content-type-options"), Some("nosniff"));
        reply.refused(400, "invalid_host");
    }
    let whole = format!("http://a.example{path}");
    raw(&world, Method::GET, &whole, &[("host", "b.example")], "").await.refused(400, "invalid_host");
    raw(&world, Method::GET, &whole, &[("host", "A.example")], "").await.ok();
    raw(&world, Method::GET, &whole, &[], "").await.ok();
    raw(&world, Method::GET, &path, &[("host", "a.example")], "").await.ok();
}

/// Kanidm's badexample.com, ASVS 3.4.2: the origin that asked, when it is allowed, and no other.
#[tokio::test]
async fn only_allowed_origins_get_an_answer() {
    let mut settings = settings();
    settings.allowed_origins = serde_json::from_value(json!([
        "https://app.example.com",
        "https://*.example.org",
        "http://localhost:*"
    ]))
    .unwrap();
    let world = World::with(settings).await;
    let with = |origin: &str| Page { origin: Some(origin.into()), ..world.page() };
    for origin in
        ["https://app.example.com", "https://a.example.org", "http://localhost:1", "http://localhost:7845"]
    {
        let reply = with(origin).get("/settings").await;
        assert_eq!(header(&reply.headers, "access-control-allow-origin"), Some(origin));
        assert!(reply.headers.get_all("vary").iter().any(|v| v == "origin"));
        reply.ok();
    }
    for origin in [
        "null",
        "",
        "*",
        "https://badapp.example.com",
        "https://app.example.com.evil.example",
        "https://app.example.com@evil.example",
        "https://app.example.com/",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://example.org",
        "https://a.b.example.org",
        "https://localhost:3000",
        "http://localhost.evil.example",
        "file://",
        "https://app.example.com, https://evil.example",
        // Other spellings of allowed origins: browsers send the normal form alone.
        "https://APP.example.com",
        "https://app.example.com:443",
        "HTTP://LOCALHOST:3000",
        "http:\\\\localhost:3000",
        "http:localhost:3000",
        "http://local\thost:3000",
        "http://localhost:03000",
        "HTTP://localhost:7845",
    ] {
        let page = with(origin);
        for method in [Method::GET, Method::POST] {
            let reply = page.send(method, &page.sdk("/settings"), None, &[]).await;
            // The page may read why it was refused, and its origin is not repeated.
            assert_eq!(header(&reply.headers, "access-control-allow-origin"), Some("*"), "{origin}");
            reply.refused(403, "origin_not_allowed");
        }
        // Else the browser would not send the request whose refusal can be read.
        let reply = page.send(Method::OPTIONS, &page.sdk("/settings"), None, &[]).await;
        assert_eq!((reply.status.as_u16(), &reply.body), (204, &Value::Null));
        assert_eq!(header(&reply.headers, "access-control-allow-origin"), Some("*"), "{origin}");
    }
    // No page at all: an app on a phone, a server. It gets no CORS headers, and bearer tokens are its only proof.
    let none = Page { origin: None, ..world.page() };
    let reply = none.get("/settings").await;
    assert_eq!(reply.headers.get("access-control-allow-origin"), None);
    reply.ok();
}

#[tokio::test]
async fn without_allowed_origins_no_page_is_answered() {
    let mut settings = settings();
    settings.allowed_origins.clear();
    let world = World::with(settings).await;
    for origin in [ORIGIN, "null", "https://example.com"] {
        let page = Page { origin: Some(origin.into()), ..world.page() };
        page.get("/settings").await.refused(403, "origin_not_allowed");
    }
    // The server's own pages are its own.
    Page { origin: Some("http://localhost:7845".into()), ..world.page() }.get("/settings").await.ok();
}

#[tokio::test]
async fn public_answers_are_stored_and_told_apart() {
    let world = World::new().await;
    let page = world.page();
    for (path, cache) in [
        ("/settings", "public, no-cache"),
        ("/.well-known/jwks", "public, max-age=3600"),
        ("/.well-known/jwks.json", "public, max-age=3600"),
    ] {
        let first = page.get(path).await;
        assert_eq!(header(&first.headers, "cache-control"), Some(cache));
        let tag = header(&first.headers, "etag").unwrap().to_owned();
        first.ok();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
            let again = page.send(Method::GET, &page.sdk(path), None, &[("if-none-match", &known)]).await;
            assert_eq!((again.status.as_u16(), &again.body), (304, &Value::Null));
            assert_eq!(header(&again.headers, "etag"), Some(tag.as_str()));
            // CORS holds for a 304 too: a browser refuses the answer otherwise.
            assert_eq!(header(&again.headers, "access-control-allow-origin"), Some(ORIGIN));
        }
        page.send(Method::GET, &page.sdk(path), None, &[("if-none-match", "\"x\"")]).await.ok();
    }
    let before = header(&page.get("/settings").await.headers, "etag").unwrap().to_owned();
    let change = json!({ "general": { "displayName": "Another" } });
    environments::configure(&world.app.store, world.now(), ENVIRONMENT, &change).await.unwrap();
    let after =
        page.send(Method::GET, &page.sdk("/settings"), None, &[("if-none-match", &before)]).await.ok();
    assert_eq!(after["general"]["displayName"], "Another");
}

/// ASVS 14.3.2, 3.4.1: tokens and personal data stay out of caches; nothing is sniffed, framed or run.
#[tokio::test]
async fn every_answer_carries_its_headers() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let refresh = page.post("/refresh", json!({})).await;
    let replies = [
        page.get("/users").await,
        refresh,
        page.get("/nothing").await,
        page.get(CREATE).await,
        page.post(CREATE, json!([])).await,
        page.get("/nonce").await,
        Page { origin: Some("https://evil.example".into()), ..page.clone() }.get("/users").await,
        raw(&world, Method::GET, "/nothing", &[], "").await,
        raw(&world, Method::GET, "/healthz", &[], "").await,
    ];
    for reply in replies {
        let of = |name| header(&reply.headers, name);
        assert_eq!(of("cache-control"), Some("no-store"), "{}", reply.body);
        assert_eq!(of("x-content-type-options"), Some("nosniff"));
        assert_eq!(of("x-frame-options"), Some("DENY"));
        assert_eq!(of("referrer-policy"), Some("no-referrer"));
        assert_eq!(of("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
        assert_eq!(of("server"), None);
    }
    // A path is not reflected into anything that a browser would run.
    let reply = page.get("/%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(!reply.body.to_string().contains("script"));
}

#[tokio::test]
async fn no_client_chooses_the_id_of_its_request() {
    let world = World::new().await;
    let page = world.page();
    for sent in [&"a".repeat(50), "", "a b", "a;b", "<script>", "a\tb", "../x", "é", &"a".repeat(101)] {
        let reply = page.send(Method::GET, &page.sdk("/settings"), None, &[("x-dyn-request-id", sent)]).await;
        let id = header(&reply.headers, "x-request-id").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{sent}: {id}");
    }
}

const FEW: Rate = Rate { requests: 3, seconds: 3_600 };

async fn limited(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = settings();
    change(&mut settings);
    World::with(settings).await
}

#[track_caller]
fn too_many(reply: Reply) {
    let wait: u64 = header(&reply.headers, "retry-after").unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&wait), "{wait}");
    assert_eq!(header(&reply.headers, "access-control-allow-origin"), Some(ORIGIN), "a page can read it");
    reply.refused(429, "too_many_requests");
}

fn at(world: &World, address: &str) -> Page {
    Page { address: address.parse().unwrap(), ..world.page() }
}

/// CVE-2026-45364, and django-allauth's changelog: an address is the socket's, by /64, whatever a header says.
#[tokio::test]
async fn requests_of_one_address_are_counted_whatever_it_claims_to_be() {
    let world = limited(|s| s.limits.sdk = vec![FEW]).await;
    let page = world.page();
    for n in 0..3 {
        let claim = format!("198.51.100.{n}");
        page.send(Method::GET, &page.sdk("/settings"), None, &[("x-forwarded-for", &claim)]).await.ok();
    }
    for name in
        ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip"]
    {
        too_many(page.send(Method::GET, &page.sdk("/settings"), None, &[(name, "198.51.100.77")]).await);
    }
    // The same address in its other form; another environment counts for itself.
    too_many(at(&world, "[::ffff:203.0.113.7]:1").get("/settings").await);
    Page { environment: OTHER_ENVIRONMENT, ..world.page() }.get("/settings").await.ok();
    for n in 0..3 {
        at(&world, &format!("[2001:db8::{n}]:1")).get("/settings").await.ok();
    }
    too_many(at(&world, "[2001:db8::ffff:1:2:3]:1").get("/settings").await);
    at(&world, "[2001:db8:0:1::]:1").get("/settings").await.ok();
}

/// CVE-2025-64101, GHSA-93m4-mfpg-c3xf (Zitadel): who issues a token is configured, whatever a request says.
#[tokio::test]
async fn no_header_changes_whose_tokens_they_are() {
    let world = World::new().await;
    let mut page = world.page();
    for name in ["host", "x-forwarded-host", "x-forwarded-proto", "x-original-host", "x-host"] {
        page.headers.push((name.into(), "evil.example".into()));
    }
    page.headers.push(("forwarded".into(), "host=evil.example;proto=http".into()));
    let page = world.sign_in_on(page, "ann@example.com").await;
    let claims = crate::elevated::claims(page.bearer.as_ref().unwrap());
    assert_eq!(claims["iss"], format!("localhost:7845/{ENVIRONMENT}"));
    assert_eq!(claims["aud"], ORIGIN);
    let begun = page.get("/users/mfa/register/totp").await.ok();
    assert!(!begun.to_string().contains("evil"));
    for mail in world.app.store.due_mail(world.now()).await.unwrap() {
        let letter = stile_server::delivery::Letter::open(&world.app.keys, &mail.mail).unwrap();
        assert!(!serde_json::to_string(&letter.content).unwrap().contains("evil"));
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_forwarded_address_counts() {
    let mut settings = settings();
    settings.limits.sdk = vec![FEW];
    let config = Config {
        public_url: "http://localhost:7845".parse().unwrap(),
        trusted_proxies: vec!["203.0.113.0/24".parse().unwrap()],
        development: None,
        place: String::new(),
    };
    let world = World::configured(settings, config).await;
    let page = world.page();
    let from = |claim: &'static str| {
        let page = page.clone();
        async move { page.send(Method::GET, &page.sdk("/settings"), None, &[("x-forwarded-for", claim)]).await }
    };
    // What the client wrote itself stands to the left of what the proxy saw.
    for claim in ["198.51.100.1", "1.1.1.1, 198.51.100.1", "2.2.2.2,198.51.100.1"] {
        from(claim).await.ok();
    }
    too_many(from("3.3.3.3, 198.51.100.1").await);
    from("198.51.100.2").await.ok();
}

/// A user has a limit of its own, from however many addresses.
#[tokio::test]
async fn requests_of_one_user_are_counted_across_addresses() {
    let world = limited(|s| s.limits.user = FEW).await;
    let page = world.signed_in("ann@example.com").await;
    for n in 0..4 {
        let page = Page { address: format!("198.51.100.{n}:1").parse().unwrap(), ..page.clone() };
        let reply = page.get("/users").await;
        if n < 3 {
            reply.ok();
        } else {
            too_many(reply);
        }
    }
    world.deliver().await;
    world.signed_in("bob@example.com").await.get("/users").await.ok();
    // Signing out is never refused for it.
    page.post("/revoke", json!({})).await.no_content();
}

/// 190 addresses with 58 requests each once gave 429 to owners, to the backend and to the operator.
async fn flood(world: &World, address: impl Fn(u8) -> String) {
    let mut refused = 0;
    for n in 0..190 {
        let stranger = at(world, &address(n));
        // A bearer token that is worth nothing makes nobody known.
        let stranger = Page { bearer: (n % 2 == 0).then(|| "a.b.c".into()), ..stranger };
        for _ in 0..58 {
            refused += u32::from(stranger.get("/settings").await.status == 429);
        }
    }
    assert!(refused > 100, "the flood itself is held back: {refused}");
}

/// The default limits, but for what comes back to the environment's: on a slow machine that would hide the flood.
async fn with_default_limits() -> World {
    limited(|s| {
        s.limits = Settings::default().limits;
        s.limits.environment.seconds = 3_600;
    })
    .await
}

#[tokio::test]
async fn a_flood_of_strangers_shuts_out_nobody() {
    let world = with_default_limits().await;
    // These three share the address of a flooder.
    let known = world.sign_in_on(at(&world, "198.51.100.1:1"), "bob@example.com").await;
    flood(&world, |n| format!("198.51.100.{n}:1")).await;
    known.get("/users").await.ok();
    known.get("/nonces").await.ok();
    let users = ["environment.users.write".to_owned()];
    let (store, keys) = (&world.app.store, &world.app.keys);
    let (_, operator) =
        environments::create_token(store, keys, world.now(), ENVIRONMENT, "test", &users).await.unwrap();
    let user = known.user_id().await;
    let backend =
        |token: &str| Page { bearer: Some(token.to_owned()), origin: None, ..at(&world, "198.51.100.1:1") };
    let consume = format!("/api/v0/environments/{ENVIRONMENT}/elevated-tokens/consume");
    let body = json!({ "token": "x", "scope": "vault:open", "userId": user, "useId": "x" }).to_string();
    backend(&world.api_token)
        .send(Method::POST, &consume, Some(body), &[])
        .await
        .refused(403, "elevated_token_invalid");
    let reset = format!("/api/v0/users/{user}/mfa/reset");
    backend(&operator).send(Method::POST, &reset, None, &[]).await.no_content();

    // Signing in is a stranger's request: from a fresh address, a neighbour of the flood, and in the newer form.
    for (address, email) in [
        ("203.0.113.9:1", "ann@example.com"),
        ("198.51.100.250:1", "cid@example.com"),
        ("[2001:db8::1]:1", "dee@example.com"),
    ] {
        let page = world.sign_in_on(at(&world, address), email).await;
        page.get("/users").await.ok();
    }
}

/// Somebody signed out at the very address that floods: the browser that signs in there has a budget of its own.
#[tokio::test]
async fn a_known_device_signs_in_while_strangers_at_its_address_wait() {
    let world = limited(|s| s.limits.sdk = vec![Rate { requests: 20, seconds: 72_000 }]).await;
    let (device, fresh) = (DeviceKey::new(), DeviceKey::new());
    let page = at(&world, "198.51.100.1:1");
    let mut proofs = Vec::new();
    for key in [&device, &device, &device, &fresh, &fresh] {
        proofs.push(Page { headers: key.proof(&page).await, ..page.clone() });
    }
    let [first, second, third, unknown, forged] = &proofs[..] else { panic!() };
    let email = "bob@example.com";
    let ask = json!({ "email": email });
    let answer = |sent: &Value, code: String| json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code });
    let sent = page.post("/emailVerifications/create", ask.clone()).await.created();
    first.post("/emailVerifications/signin", answer(&sent, world.code(email).await)).await.ok();
    world.deliver().await;

    for _ in 0..20 {
        page.get("/settings").await;
    }
    too_many(page.post("/emailVerifications/create", ask.clone()).await);
    // A used nonce, a device that never signed in, a signature by another key.
    let mut foreign = forged.clone();
    foreign.headers[1].1 = device.public();
    for stranger in [first, unknown, &foreign] {
        too_many(stranger.post("/emailVerifications/create", ask.clone()).await);
    }
    let sent = second.post("/emailVerifications/create", ask.clone()).await.created();
    too_many(second.post("/emailVerifications/create", ask).await);
    third.post("/emailVerifications/signin", answer(&sent, world.code(email).await)).await.ok();
}

#[tokio::test]
async fn a_flood_from_many_networks_leaves_room_too() {
    let world = with_default_limits().await;
    flood(&world, |n| format!("[2001:db8:{n:x}::1]:1")).await;
    let page = world.sign_in_on(at(&world, "[2001:db8:ffff::1]:1"), "ann@example.com").await;
    page.get("/users").await.ok();
    world.sign_in_on(at(&world, "203.0.113.9:1"), "bob@example.com").await.get("/users").await.ok();
}

/// An environment that nobody has made, and API tokens that nobody has.
#[tokio::test]
async fn requests_that_name_no_environment_are_counted_too() {
    let world = World::new().await;
    let nobody = Page { environment: stile_core::EnvironmentId::from_bytes([9; 16]), ..world.page() };
    let admin = Page { bearer: Some(format!("stile_{}", "a".repeat(56))), origin: None, ..world.page() };
    let mut limited = 0;
    for _ in 0..300 {
        let reply = nobody.get("/settings").await;
        limited += u32::from(reply.status == 429);
        assert!(reply.status == 429 || reply.status == 404);
    }
    assert!(limited > 0);
    let path = "/api/v0/users/07070707-0707-0707-0707-070707070707/mfa/reset";
    let mut limited = 0;
    for _ in 0..300 {
        let reply = admin.send(Method::POST, path, None, &[]).await;
        limited += u32::from(reply.status == 429);
        assert!(reply.status == 429 || reply.status == 401);
    }
    assert!(limited > 0);
    // What there is goes on, for the same address too.
    world.page().get("/settings").await.ok();
}

/// Who is refused for its own rate does not spend the environment's.
#[tokio::test]
async fn one_noisy_address_does_not_use_up_the_environment() {
    let world = limited(|s| {
        s.limits.sdk = vec![FEW];
        s.limits.environment = Rate { requests: 6, seconds: 3_600 };
    })
    .await;
    for _ in 0..50 {
        world.page().get("/settings").await;
    }
    at(&world, "198.51.100.9:1").get("/settings").await.ok();
}

#[tokio::test]
async fn nonces_codes_and_sign_ins_have_narrower_limits() {
    let world = limited(|s| s.limits.nonce = FEW).await;
    let page = world.page();
    page.get("/nonce").await.ok();
    page.get("/nonces?count=5").await.ok();
    page.get("/nonces").await.ok();
    too_many(page.get("/nonces?count=5").await);
    for count in ["0", "6", "-1", "x", "4294967296", ""] {
        page.get(&format!("/nonces?count={count}")).await.refused(400, "invalid_parameter");
    }

    let world = limited(|s| s.limits.code = FEW).await;
    let page = world.page();
    for n in 0..3 {
        page.post(CREATE, json!({ "email": format!("u{n}@example.com") })).await.created();
    }
    too_many(page.post(CREATE, json!({ "email": "u4@example.com" })).await);
    let retry = json!({ "email": "u4@example.com", "verificationUUID": "x" });
    too_many(page.post("/emailVerifications/retry", retry).await);

    let world = limited(|s| s.limits.sign_in = FEW).await;
    let page = world.page();
    let body = json!({ "verificationUUID": "x", "verificationToken": "123456" });
    for _ in 0..3 {
        page.post("/emailVerifications/signin", body.clone())
            .await
            .refused(422, "invalid_email_verification");
    }
    too_many(page.post("/emailVerifications/signin", body).await);
}

#[tokio::test]
async fn a_locked_environment_answers_nothing() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let lock = |locked: bool| {
        let change = json!({ "security": { "environmentLocked": locked } });
        let world = &world;
        async move { environments::configure(&world.app.store, world.now(), ENVIRONMENT, &change).await.unwrap() }
    };
    lock(true).await;
    for path in ["/users", "/settings", "/nonce", "/session"] {
        page.get(path).await.refused(403, "environment_locked");
    }
    page.post(CREATE, json!({ "email": "ann@example.com" })).await.refused(403, "environment_locked");
    page.post("/refresh", json!({})).await.refused(403, "environment_locked");
    world.consume("x", "x", "x").await.refused(403, "environment_locked");
    Page { environment: OTHER_ENVIRONMENT, ..world.page() }.get("/settings").await.ok();
    lock(false).await;
    page.get("/users").await.ok();
}

const DEVELOPMENT: [(Method, &str); 7] = [
    (Method::GET, "/dev/outbox"),
    (Method::GET, "/dev/outbox?to=ann@example.com"),
    (Method::GET, "/dev/clock"),
    (Method::POST, "/dev/clock"),
    (Method::GET, "/demo/"),
    (Method::POST, "/demo/api/vault/open"),
    (Method::GET, "/"),
];

/// Nothing of development is there by accident.
#[tokio::test]
async fn without_development_there_are_no_development_surfaces() {
    let world = World::new().await;
    for (method, path) in DEVELOPMENT {
        let reply = raw(
            &world,
            method,
            path,
            &[("host", "localhost:7845"), ("content-type", "application/json")],
            "{}",
        )
        .await;
        reply.refused(404, "not_found");
    }
}

async fn developing(token: Option<&str>) -> World {
    let config = Config {
        public_url: "http://localhost:7845".parse().unwrap(),
        trusted_proxies: Vec::new(),
        development: Some(Development {
            access_token: token.map(str::to_owned),
            demo_api_tokens: BTreeMap::new(),
        }),
        place: String::new(),
    };
    World::configured(settings(), config).await
}

/// DNS rebinding and foreign pages: the outbox holds codes, the clock ends them.
#[tokio::test]
async fn development_surfaces_answer_localhost_pages_alone() {
    let world = developing(None).await;
    for host in ["localhost:7845", "127.0.0.1:7845", "[::1]:7845", "localhost"] {
        raw(&world, Method::GET, "/dev/clock", &[("host", host)], "").await.ok();
        let origin = format!("http://{host}");
        let same = [("host", host), ("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
        raw(&world, Method::GET, "/dev/clock", &same, "").await.ok();
    }
    for host in [
        "evil.example",
        "evil.example:7845",
        "localhost.evil.example:7845",
        "localhost:7845.evil.example",
        "localhost@evil.example",
        "127.0.0.1.nip.io:7845",
        "0.0.0.0:7845",
        "",
    ] {
        for (method, path) in DEVELOPMENT {
            let reply = raw(&world, method, path, &[("host", host)], "{}").await;
            assert_eq!((reply.status.as_u16(), reply.code()), (403, "origin_not_allowed"), "{host} {path}");
        }
    }
    raw(&world, Method::GET, "/dev/outbox", &[], "").await.refused(403, "origin_not_allowed");
    let before = world.now();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://localhost:3000"),
        ("origin", "https://localhost:7845"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let headers = [("host", "localhost:7845"), ("content-type", "application/json"), (name, value)];
        for (method, path) in [(Method::GET, "/dev/outbox"), (Method::POST, "/dev/clock")] {
            let reply = raw(&world, method, path, &headers, r#"{"advanceSeconds":1000000}"#).await;
            reply.refused(403, "origin_not_allowed");
        }
    }
    // What a form can send moves nothing.
    let form = [("host", "localhost:7845"), ("content-type", "text/plain")];
    let reply = raw(&world, Method::POST, "/dev/clock", &form, r#"{"advanceSeconds":1000000}"#).await;
    reply.refused(415, "unsupported_media_type");
    assert!(world.now().seconds_since(before) < 1_000);
}

#[tokio::test]
async fn on_an_open_listener_development_needs_its_token() {
    let world = developing(Some("secret")).await;
    let get = |path: &'static str, cookie: &'static str| {
        let world = &world;
        async move { raw(world, Method::GET, path, &[("host", "localhost:7845"), ("cookie", cookie)], "").await }
    };
    for (path, cookie) in [
        ("/dev/clock", ""),
        ("/dev/clock", "stile_dev=wrong"),
        ("/dev/clock", "stile_dev="),
        ("/dev/clock?devToken=", ""),
        ("/dev/clock?devToken=wrong", ""),
        ("/dev/clock?devToken=secre", ""),
        ("/dev/clock?devToken=secretx", ""),
        // A wrong token in the link is not mended by the cookie's.
        ("/dev/clock?devToken=wrong", "stile_dev=secret"),
    ] {
        let reply = get(path, cookie).await;
        assert_eq!(reply.headers.get("set-cookie"), None);
        reply.refused(401, "unauthorized");
    }
    let reply = get("/dev/clock?devToken=secret", "").await;
    let cookie = header(&reply.headers, "set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    reply.ok();
    get("/dev/clock", "x=y; stile_dev=secret").await.ok();
    // The SDK API itself needs no such token.
    world.page().get("/settings").await.ok();
}

/// Whoever takes Brotli or gzip is sent less, and caches keep the answers apart.
#[tokio::test]
async fn the_api_viewer_and_its_document_are_sent_compressed() {
    let world = World::new().await;
    let fetch = async |path: &str, accepted: Option<&str>| {
        let mut request = Request::builder().uri(path);
        if let Some(accepted) = accepted {
            request = request.header("accept-encoding", accepted);
        }
        let answer = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        assert_eq!(head.status, 200, "{path}");
        assert!(header(&head.headers, "vary").unwrap().contains("accept-encoding"), "{path}");
        let coding = header(&head.headers, "content-encoding").map(str::to_owned);
        let kind = header(&head.headers, "content-type").unwrap().to_owned();
        (coding, kind, to_bytes(body, 1 << 20).await.unwrap())
    };
    for path in ["/openapi.json", "/docs/api", "/docs/api/viewer.js", "/docs/api/viewer.css"] {
        let (coding, kind, plain) = fetch(path, None).await;
        assert_eq!(coding, None, "{path}");
        let (coding, same, brotli) = fetch(path, Some("gzip, deflate, br")).await;
        assert_eq!((coding.as_deref(), &same), (Some("br"), &kind), "{path}");
        let (coding, same, gzip) = fetch(path, Some("gzip")).await;
        assert_eq!((coding.as_deref(), &same), (Some("gzip"), &kind), "{path}");
        assert!(brotli.len() < gzip.len() && gzip.len() < plain.len(), "{path}");
        let (mut of_brotli, mut of_gzip) = (Vec::new(), Vec::new());
        brotli::BrotliDecompress(&mut &*brotli, &mut of_brotli).unwrap();
        flate2::read::GzDecoder::new(&*gzip).read_to_end(&mut of_gzip).unwrap();
        assert!(of_brotli == plain && of_gzip == plain, "{path}");
    }
    let (_, kind, document) = fetch("/openapi.json", None).await;
    assert_eq!(kind, "application/json");
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["info"], serde_json::to_value(stile_server::openapi_document()).unwrap()["info"]);
}
