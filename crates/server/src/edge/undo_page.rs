//! The page behind a mailed link that undoes an added address. Opening it changes nothing, because mail scanners open
//! links: the button on it does. It has no script, loads nothing, and the token stays out of paths, which are logged.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use stile_keys::{encoding, random};
use url::form_urlencoded;

use crate::delivery::escape;
use crate::edge::http::client_address;
use crate::flows::undo::{self, PATH};
use crate::guard::act::RequestId;
use crate::state::app::App;
use crate::state::error::{ApiError, Code};
use crate::state::limits::{Party, Prefixes};

const STYLE: &str = include_str!("undo_page.css");
const MAX_FORM: usize = 1_024;

/// The token of a link.
#[derive(Deserialize)]
struct Asked {
    token: String,
}

/// From where a request comes.
#[derive(Clone, Copy)]
struct ClientAddress(IpAddr);

/// `/undo`
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route(PATH, get(show).post(confirm))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(middleware::from_fn_with_state(Arc::clone(app), limited))
}

/// Links name no environment before they are looked up: requests count as those that name none.
async fn limited(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let address = client_address(&app, &request);
    request.extensions_mut().insert(ClientAddress(address));
    let party = Party::Stranger(Prefixes::of(address));
    match app.nowhere.request(&party) {
        Ok(()) => next.run(request).await,
        Err(wait) => ApiError::from(wait).into_response(),
    }
}

async fn show(
    State(app): State<Arc<App>>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Ok(Query(Asked { token })) = query else { return Ok(over()) };
    Ok(match undo::offered(&app, &token).await? {
        None => over(),
        Some(offer) => {
            let (name, masked, token) = (escape(offer.app_name()), escape(offer.masked()), escape(&token));
            let body = format!(
                "<p>The address <strong>{masked}</strong> was added to your {name} account.</p>\n\
                 <p>If you remove it, it can no longer be used to sign in. Everybody who signed in with it is signed \
                 out, and ways of signing in that were added with its help are removed too.</p>\n\
                 <form method=\"post\" action=\"{PATH}\">\n\
                 <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
                 <button type=\"submit\">Remove this address</button>\n</form>\n\
                 <p>If you added it yourself, close this page.</p>"
            );
            page(StatusCode::OK, "Remove an added address?", &body)
        }
    })
}

async fn confirm(
    State(app): State<Arc<App>>,
    request: Option<Extension<RequestId>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    form: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let form = form.unwrap_or_default();
    let token = form_urlencoded::parse(&form).find(|(name, _)| name == "token");
    let Some((_, token)) = token else { return Ok(over()) };
    let request = request.map_or_else(RequestId::default, |Extension(id)| id);
    match undo::undo(&app, &token, &request, address).await {
        Ok(None) => Ok(over()),
        Ok(Some(offer)) => {
            let (name, masked) = (escape(offer.app_name()), escape(offer.masked()));
            let body = format!(
                "<p>The address <strong>{masked}</strong> no longer belongs to your {name} account, and whoever signed \
                 in with it is signed out.</p>\n\
                 <p>Now sign in, end sessions that you do not know, and check your other ways of signing in.</p>"
            );
            Ok(page(StatusCode::OK, "The address was removed", &body))
        }
        Err(error) if error.code == Code::LastSignInCredential => {
            let body = "<p>It is the only way left to sign in to the account. Get in touch with support.</p>";
            Ok(page(StatusCode::CONFLICT, "The address was not removed", body))
        }
        Err(error) => Err(error),
    }
}

/// One answer for links that were used, have ended, or never were.
fn over() -> Response {
    let body = "<p>It was used already, or is older than seven days, or is incomplete. Nothing was changed.</p>\n\
                <p>To remove an address, sign in to your account.</p>";
    page(StatusCode::NOT_FOUND, "This link no longer works", body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let nonce = encoding::base64url(&random::bytes::<16>());
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n\
         </body>\n</html>\n"
    );
    let mut response = (status, Html(html)).into_response();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
