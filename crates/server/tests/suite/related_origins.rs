//! Relying-party ids belong to one environment, and say which origins are related to them.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use stile_core::EnvironmentId;
use stile_core::origin::OriginPattern;
use stile_core::settings::{Kind, Passkeys, Settings};
use stile_server::flows::environments::{self, OperatorError};
use stile_store::Store;
use tower::ServiceExt;

use crate::world::{ENVIRONMENT, OTHER_ENVIRONMENT, World};

fn with(rp_id: &str, shared: bool, origins: &[&str]) -> Settings {
    Settings {
        allowed_origins: origins.iter().map(|origin| OriginPattern::parse(origin).unwrap()).collect(),
        passkeys: Passkeys { rp_id: Some(rp_id.into()), rp_id_shared: shared, ..Passkeys::default() },
        ..Settings::default()
    }
}

async fn make(world: &World, store: &Store, number: u8, settings: &Settings) -> Result<(), OperatorError> {
    let (keys, id) = (&world.app.keys, EnvironmentId::from_bytes([number; 16]));
    environments::create(store, keys, world.now(), id, Kind::Live, "x", settings).await
}

async fn set(world: &World, id: EnvironmentId, change: Value) -> Result<Settings, OperatorError> {
    environments::configure(&world.app.store, world.now(), id, &change).await
}

async fn ask(world: &World, host: &str) -> (StatusCode, Value) {
    let request = Request::get("/.well-known/webauthn").header("host", host).body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 100_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_domain_names_the_origins_of_its_own_environment_alone() {
    let world = World::new().await;
    let origins = ["https://app.example.com", "https://app.example.net", "https://*.example.org"];
    make(&world, &world.app.store, 1, &with("example.com", false, &origins)).await.unwrap();
    make(&world, &world.app.store, 2, &with("other.example", false, &["https://evil.example"]))
        .await
        .unwrap();
    let expected = json!({ "origins": ["https://app.example.com", "https://app.example.net"] });
    for host in ["example.com", "example.com:8443", "EXAMPLE.com"] {
        assert_eq!(ask(&world, host).await, (StatusCode::OK, expected.clone()), "{host}");
    }
    let strange =
        ["app.example.com", "example.com.evil.example", "localhost:7845", "", "127.0.0.1", "a@example.com"];
    for host in strange {
        assert_eq!(ask(&world, host).await.0, StatusCode::NOT_FOUND, "{host}");
    }
    let others = json!({ "origins": ["https://evil.example"] });
    assert_eq!(ask(&world, "other.example").await.1, others);
}

/// Whoever could have a relying-party id that another environment has could ask its users for their passkeys.
#[tokio::test]
async fn an_id_belongs_to_one_environment() {
    let world = World::new().await;
    let store = &world.app.store;
    make(&world, store, 1, &with("example.com", false, &["https://a.example.com"])).await.unwrap();
    let refused = |outcome: Result<(), OperatorError>| match outcome {
        Err(OperatorError::Settings(problems)) => assert!(problems[0].contains("rpIdShared"), "{problems:?}"),
        other => panic!("{other:?}"),
    };
    // Made, changed, and with only one of the two agreeing to share.
    refused(make(&world, store, 2, &with("example.com", false, &[])).await);
    refused(make(&world, store, 2, &with("example.com", true, &[])).await);
    refused(set(&world, OTHER_ENVIRONMENT, json!({ "passkeys": { "rpId": "example.com" } })).await.map(drop));
    let both = json!({ "passkeys": { "rpId": "example.com", "rpIdShared": true } });
    refused(set(&world, OTHER_ENVIRONMENT, both.clone()).await.map(drop));
    // An id below another is another one.
    make(&world, store, 3, &with("a.example.com", false, &[])).await.unwrap();

    let first = EnvironmentId::from_bytes([1; 16]);
    set(&world, first, json!({ "passkeys": { "rpIdShared": true } })).await.unwrap();
    set(&world, OTHER_ENVIRONMENT, both).await.unwrap();
    for back in [first, OTHER_ENVIRONMENT] {
        let refusal = set(&world, back, json!({ "passkeys": { "rpIdShared": false } })).await.unwrap_err();
        assert!(refusal.to_string().contains("cannot go back"), "{refusal}");
    }
    refused(set(&world, ENVIRONMENT, json!({ "passkeys": { "rpId": "example.com" } })).await.map(drop));
}

/// Every environment of a development machine has the same one.
#[tokio::test]
async fn localhost_is_nobodys() {
    let world = World::new().await;
    for id in [ENVIRONMENT, OTHER_ENVIRONMENT] {
        set(&world, id, json!({ "passkeys": { "rpId": "localhost" } })).await.unwrap();
    }
}

/// What is looked at before is not enough: two nodes may look at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_take_an_id_at_once_one_gets_it() {
    let world = std::sync::Arc::new(World::new().await);
    let nodes = [world.app.store.clone(), world.other_node().await];
    for round in 0..5_u8 {
        let settings = with(&format!("round{round}.example"), false, &[]);
        let tries: Vec<_> = (0..8_u8)
            .map(|n| {
                let (world, store, settings) =
                    (world.clone(), nodes[usize::from(n % 2)].clone(), settings.clone());
                tokio::spawn(async move { make(&world, &store, 100 + round * 8 + n, &settings).await })
            })
            .collect();
        let mut got = 0;
        for outcome in tries {
            match outcome.await.unwrap() {
                Ok(()) => got += 1,
                Err(OperatorError::Settings(_) | OperatorError::Changed) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(got, 1, "round {round}");
    }
}
