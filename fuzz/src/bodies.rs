//! What must hold for every request body, whatever it says: it goes through the whole server, for somebody who is signed in
//! and holds the token that the operation asks for. A broken promise panics.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use stile_seed::{ENVIRONMENT, Environment, ORIGIN, Passkey, Person};
use stile_server::{App, Code, gate, openapi_document};
use stile_store::Mutation;
use tower::ServiceExt;

/// No refusal is longer, in bytes; no answer at all is longer than [`ANSWER`].
const REFUSAL: usize = 4 * 1024;
const ANSWER: usize = 128 * 1024;
/// Ways to send a body, by the second word of an input's first line.
const WAYS: [&[&str]; 8] = [
    &["application/json"],
    &[],
    &["text/plain"],
    &["application/x-www-form-urlencoded"],
    &["application/json; charset=utf-16"],
    &["application/json", "text/plain"],
    &["multipart/form-data; boundary=x"],
    &["application/problem+json"],
];
const CHUNKED: usize = 8;
const GZIP: usize = 9;
/// How many ways there are.
pub const SENT: usize = 10;

/// An operation of the OpenAPI document.
pub struct Operation {
    /// Its id there.
    pub id: String,
    method: String,
    path: String,
    access: String,
    /// A body of the right shape, if it takes one.
    pub example: Option<Value>,
}

/// Every operation of the document, in its order.
pub fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(openapi_document()).unwrap_or_default();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            found.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                access: operation["x-stile-access"].as_str().unwrap_or_default().to_owned(),
                example: schema.is_object().then(|| example(&document, schema, "")),
            });
        }
    }
    found
}

/// A value of the schema, with every member that it names.
fn example(document: &Value, schema: &Value, name: &str) -> Value {
    if let Some(place) = schema["$ref"].as_str() {
        return example(document, document.pointer(&place[1..]).unwrap_or(&Value::Null), name);
    }
    if let Some(first) = schema["oneOf"].get(0) {
        return example(document, first, name);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let kind = schema["type"].as_array().map_or(&schema["type"], |kinds| &kinds[0]);
    match kind.as_str().unwrap_or_default() {
        "array" => Value::Array(vec![example(document, &schema["items"], name)]),
        "object" => {
            let members = schema["properties"].as_object().cloned().unwrap_or_default();
            let members = members.iter().map(|(name, of)| (name.clone(), example(document, of, name)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        "boolean" => Value::Bool(true),
        "integer" | "number" => Value::from(1),
        _ => Value::from(match name {
            "email" => "new@example.com",
            "scope" | "requestedScopes" => "vault:open",
            name if name.ends_with("Id") || name == "id" => "5711e000-0000-4000-8000-0000000000aa",
            _ => "AAAA",
        }),
    }
}

/// A server, and somebody who is signed in to it.
pub struct Site {
    app: Arc<App>,
    router: Router,
    operations: Vec<Operation>,
    environment: Environment,
    key: Passkey,
    who: Person,
    access: String,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Site {
    /// Makes the environment in the server's store.
    pub async fn new(app: Arc<App>) -> Self {
        let (now, key) = (app.clock.now(), Passkey::new().expect("a key"));
        let environment = Environment::create(&app.store, &app.keys, "bodies", now).await;
        let environment = environment.expect("an environment");
        let router = stile_server::router(Arc::clone(&app));
        let who = somebody(&app, &key).await;
        let access = environment.access(&who, now).expect("a token");
        Self { app, router, operations: operations(), environment, key, who, access }
    }

    /// Sends a body and holds the answer to every promise. The input's first line names the operation and, after a space, a
    /// digit for the way to send it; the rest is the body. Says whether the server took it.
    pub async fn take(&mut self, input: &[u8]) -> bool {
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        let (first, body) = (&input[..end], input.get(end + 1..).unwrap_or_default());
        let mut words = first.split(|byte| *byte == b' ');
        let name = words.next().unwrap_or_default();
        let way = words.next().and_then(|word| word.first()).map_or(0, |digit| usize::from(digit % 16));
        // A name that is none is some operation all the same: a search would seldom find one.
        let any = name.iter().fold(0, |sum, byte| sum + usize::from(*byte)) % self.operations.len();
        let at = self.operations.iter().position(|op| op.id.as_bytes() == name).unwrap_or(any);
        let operation = &self.operations[at];

        let answer = self.send(operation, way % SENT, body).await;
        let shown =
            || format!("{} {}: {}", operation.id, answer.status, String::from_utf8_lossy(&answer.body));
        promises(&answer, &shown);
        let taken = answer.status.is_success();
        let wanted = operation.example.is_some() && !body.is_empty();
        let foreign = !(way % SENT >= WAYS.len() || matches!(way % SENT, 0 | 4 | 5 | 7));
        assert!(!(taken && wanted && foreign), "taken as JSON without saying so: {}", shown());

        // What was taken can be read again; and who is gone, or was signed out, comes back as somebody else.
        if taken || answer.status == StatusCode::UNAUTHORIZED {
            let user = self.operations.iter().find(|op| op.id == "getUser").expect("getUser");
            let read = self.send(user, 0, b"").await;
            let shown = || format!("{}: {}", read.status, String::from_utf8_lossy(&read.body));
            promises(&read, &shown);
            if read.status != StatusCode::OK {
                assert_eq!(read.status, StatusCode::UNAUTHORIZED, "not read again: {}", shown());
                self.who = somebody(&self.app, &self.key).await;
                self.access = self.environment.access(&self.who, self.app.clock.now()).expect("a token");
            }
        }
        taken
    }

    async fn send(&self, operation: &Operation, way: usize, body: &[u8]) -> Answer {
        let id = "5711e000-0000-4000-8000-0000000000aa";
        let path = operation.path.replace("{environmentId}", &ENVIRONMENT.to_string());
        let path = path.replace("{mfaDeviceId}", id).replace("{sessionId}", id).replace("{userId}", id);
        let mut request = Request::builder().method(operation.method.as_str()).uri(path);
        let bearer = if operation.access == "apiToken" { &self.environment.api_token } else { &self.access };
        request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        if operation.access != "apiToken" {
            request = request.header(header::ORIGIN, ORIGIN);
        }
        let scopes: Vec<String> = gate::table()
            .iter()
            .filter(|row| row.operation == operation.id)
            .map(|row| row.scope.to_string())
            .collect();
        if !scopes.is_empty() {
            let (who, now) = (&self.who, self.app.clock.now());
            let token = self.environment.elevated(who, who.passkey, &scopes.join(" "), now);
            request = request.header("x-dyn-elevated-access-token", token.expect("a token"));
        }
        for kind in WAYS.get(way).unwrap_or(&WAYS[0]).iter() {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        if way == GZIP {
            request = request.header(header::CONTENT_ENCODING, "gzip");
        }
        let whole = Body::from(body.to_vec());
        let body = match way {
            // Of a length that is not told.
            CHUNKED => Body::new(whole.map_frame(|frame| frame)),
            _ => whole,
        };
        let mut request = request.body(body).expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 7], 5000))));
        let answer = self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, ANSWER).await.expect("an answer of bounded length").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

async fn somebody(app: &App, key: &Passkey) -> Person {
    let mut steps = Vec::new();
    let name = stile_keys::encoding::hex(&stile_keys::random::bytes::<8>());
    let who = Person::new(format!("{name}@example.com"), key, app.clock.now(), &mut steps);
    app.store.commit(Mutation::new(steps)).await.expect("a person");
    who
}

/// Every answer is JSON or empty, and no failure; every refusal is a stable code with its status and a short text.
fn promises(answer: &Answer, shown: &dyn Fn() -> String) {
    let Answer { status, headers, body } = answer;
    assert!(!status.is_server_error(), "{}", shown());
    assert!(status.is_success() || status.is_client_error(), "{}", shown());
    if body.is_empty() {
        assert!(status.is_success(), "an empty refusal: {}", shown());
        return;
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{kind}: {}", shown());
    let value: Value = serde_json::from_slice(body).unwrap_or_else(|e| panic!("{e}: {}", shown()));
    if status.is_success() {
        return;
    }
    let code = Code::ALL.iter().find(|code| value["code"] == code.as_str());
    assert_eq!(code.map(|code| code.status()), Some(status.as_u16()), "{}", shown());
    assert!(value["error"].as_str().is_some_and(|text| !text.is_empty()), "{}", shown());
    assert!(body.len() <= REFUSAL, "a long refusal: {}", shown());
}
