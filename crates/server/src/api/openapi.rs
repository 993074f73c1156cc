//! The OpenAPI document: what the operations declare, completed by what all have in common.

use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ObjectBuilder, OpenApi as Spec, RefOr, Required, Response, ResponseBuilder, SecurityRequirement,
    schema::Type,
};
use utoipa::{IntoParams, OpenApi};

use crate::guard::gate;
use crate::state::error::ErrorBody;
use crate::wire::headers::DEVICE_HEADERS;

/// The frame of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stile",
        description = "Self-hosted multi-factor and step-up authentication. Errors are flat: `{\"error\": text, \"code\": stable}`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody)),
    tags(
        (name = "Settings", description = "What SDKs are told about an environment"),
        (name = "Session", description = "Sessions, nonces and keys"),
        (name = "Codes", description = "One-time codes by e-mail"),
        (name = "Passkeys", description = "WebAuthn credentials: sign-in, second factor, step-up"),
        (name = "Second factors", description = "Authenticator apps and recovery codes"),
        (name = "Step-up", description = "Whether an action needs a fresh proof"),
        (name = "Users", description = "The signed-in user"),
        (name = "Backend", description = "For an app's own backend, with an API token"),
        (name = "Compatibility", description = "What older clients expect; decides nothing"),
    )
)]
pub struct Document;

/// How an operation is guarded: `x-stile-access`. `level` is a session at the user's own level: with a second factor
/// enrolled, one was proved in it.
pub const ACCESS: [&str; 6] = ["public", "pending", "session", "level", "gated", "apiToken"];

/// The headers of a device proof: `params` of an operation that takes one.
pub struct DeviceHeaders;

impl IntoParams for DeviceHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let meanings = [
            "A nonce of `getNonces`. The three headers of a device proof come together or not at all",
            "The device's P-256 key, compressed, in hex",
            "Signature of the nonce with that key: `r` and `s` in hex",
        ];
        let header = |(name, meaning)| {
            parameter(name, meaning).parameter_in(ParameterIn::Header).required(Required::False).build()
        };
        DEVICE_HEADERS.into_iter().zip(meanings).map(header).collect()
    }
}

/// Adds what all operations have in common: the error answer, the security schemes with the scopes of gated actions, the
/// environment's path parameter.
pub fn complete(mut document: Spec) -> Spec {
    if let Some(components) = document.components.as_mut() {
        let bearer = |text: &str| {
            let mut http = Http::new(HttpAuthScheme::Bearer);
            http.description = Some(text.to_owned());
            SecurityScheme::Http(http)
        };
        components.add_security_scheme(
            "accessToken",
            bearer(
                "The session's access token (`minifiedJwt`). A scope is that of the elevated access token that a gated \
                 operation takes in `x-dyn-elevated-access-token`; of several the body decides which",
            ),
        );
        components.add_security_scheme(
            "apiToken",
            bearer("An API token with this scope, made by `stile token create`"),
        );
    }
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
            .into_iter()
            .flatten();
        for operation in operations {
            guard(operation);
            operation.responses.responses.insert("default".into(), RefOr::T(refusal()));
            if path.contains("{environmentId}") {
                environment_parameter(operation);
            }
        }
    }
    document
}

/// The access class that an operation declares.
fn access(operation: &Operation) -> Option<&str> {
    operation.extensions.as_ref()?.get("x-stile-access").and_then(Value::as_str)
}

fn guard(operation: &mut Operation) {
    // An operation for API tokens declares its scope itself.
    if !matches!(access(operation), Some("pending" | "session" | "level" | "gated")) {
        return;
    }
    let scheme = "accessToken";
    let mut rows = gate::table();
    rows.retain(|row| operation.operation_id.as_deref() == Some(row.operation));
    let mut ways: Vec<_> =
        rows.iter().map(|row| SecurityRequirement::new(scheme, [row.scope.as_str()])).collect();
    if ways.is_empty() {
        ways.push(SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []));
    }
    operation.security = Some(ways);
}

fn refusal() -> Response {
    let content = utoipa::openapi::ContentBuilder::new()
        .schema(Some(utoipa::openapi::Ref::from_schema_name("ErrorBody")))
        .build();
    ResponseBuilder::new()
        .description("Refused; `code` says why")
        .content("application/json", content)
        .build()
}

fn environment_parameter(operation: &mut Operation) {
    let parameter = parameter("environmentId", "The environment's id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .build();
    operation.parameters.get_or_insert_default().insert(0, RefOr::T(parameter));
}

fn parameter(name: &str, meaning: &str) -> ParameterBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    ParameterBuilder::new().name(name).description(Some(meaning)).schema(Some(text))
}
