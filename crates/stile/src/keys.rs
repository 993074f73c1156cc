//! `stile keys`: changing the keys that sign tokens.

use serde_json::json;
use stile_server::flows::environments;

use crate::args::{KeysArgs, KeysCommand};
use crate::env::time;
use crate::error::Failure;
use crate::machine;
use crate::output::Output;

/// Carries out `stile keys …`.
pub async fn run(args: &KeysArgs, output: Output) -> Result<(), Failure> {
    let KeysCommand::Rotate { env, now: at_once } = args.command;
    let (store, keys) = args.place.unlocked(false).await?;
    let now = machine::now();
    let (kid, signs_from) = environments::rotate(&store, &keys, now, env, at_once).await?;
    let text = if at_once {
        format!(
            "The new key {kid} signs from now on, and all others are forgotten.\nWhat they signed is refused: every \
             session must sign in again."
        )
    } else {
        format!(
            "The new key {kid} is published now and signs from {}.\nUntil then the present key signs, and what it signed \
             stays valid until it expires: nobody has to sign in again.",
            time(signs_from)
        )
    };
    let value = json!({
        "environment": env.to_string(), "kid": kid, "publishedAt": time(now), "signsFrom": time(signs_from),
        "sessionsEnded": at_once,
    });
    output.answer(&text, &value)
}
