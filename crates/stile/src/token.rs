//! `stile token`: API tokens of apps' own backends.

use std::fmt::Write;

use serde_json::{Value, json};
use stile_server::flows::environments::{self, OperatorError};
use stile_store::ApiToken;

use crate::args::{TokenArgs, TokenCommand};
use crate::env::time;
use crate::error::Failure;
use crate::machine;
use crate::output::Output;

/// Carries out `stile token …`.
pub async fn run(args: &TokenArgs, output: Output) -> Result<(), Failure> {
    match &args.command {
        TokenCommand::Create { env, note, scopes } => {
            let (store, keys) = args.place.unlocked(false).await?;
            let made = environments::create_token(&store, &keys, machine::now(), *env, note, scopes).await?;
            let (token, secret) = made;
            let text = format!(
                "{}\n\nThis is the token {} for {}. It is shown this once and kept nowhere: give it to your backend now.",
                *secret,
                token.id,
                token.scopes.join(", ")
            );
            let mut value = described(&token);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("token".into(), secret.as_str().into());
            }
            output.answer(&text, &value)
        }
        TokenCommand::List { env } => {
            let store = args.place.store().await?;
            store.environment(*env).await?.ok_or(OperatorError::NoEnvironment(*env))?;
            let tokens = store.api_tokens(*env).await?;
            let mut text = String::new();
            for t in &tokens {
                let scopes = t.scopes.join(", ");
                let _ =
                    writeln!(text, "{}  …{}  {}  {scopes}  {}", t.id, t.last_six, time(t.created_at), t.note);
            }
            if tokens.is_empty() {
                text.push_str("This environment has no API tokens.");
            }
            output.answer(&text, &tokens.iter().map(described).collect())
        }
        TokenCommand::Revoke { env, token } => {
            let store = args.place.store().await?;
            environments::revoke_token(&store, machine::now(), *env, *token).await?;
            let text = format!("The token {token} is revoked: it stopped working.");
            output.answer(&text, &json!({ "id": token.to_string(), "revoked": true }))
        }
    }
}

fn described(token: &ApiToken) -> Value {
    json!({
        "id": token.id.to_string(), "environment": token.environment.to_string(), "lastSix": token.last_six,
        "note": token.note, "scopes": token.scopes, "createdAt": time(token.created_at),
    })
}
