//! `stile user`: what an operator may do for a user.

use std::sync::Arc;

use serde_json::json;
use stile_server::flows::environments::OperatorError;
use stile_server::flows::reset;
use stile_server::{Act, ApiError, Code};

use crate::args::{UserArgs, UserCommand};
use crate::error::{Failure, full_stop};
use crate::output::Output;
use crate::{machine, user_show};

/// Carries out `stile user …`.
pub async fn run(args: &UserArgs, output: Output) -> Result<(), Failure> {
    match &args.command {
        UserCommand::Find(which) => user_show::find(&args.place.store().await?, which, output).await,
        UserCommand::Show(which) => user_show::show(&args.place.store().await?, which, output).await,
        UserCommand::ResetMfa { env, user, reason } => {
            let (store, keys) = args.place.unlocked(false).await?;
            let row = store.environment(*env).await?.ok_or(OperatorError::NoEnvironment(*env))?;
            let act = Act::command(store, Arc::new(keys), row.id, machine::now()).await.map_err(refused)?;
            reset::reset(&act, *user, Some(reason)).await.map_err(refused)?;
            let text = format!(
                "The second factors of {user} are reset. Passkeys, authenticator apps and recovery codes are gone, all \
                 sessions have ended, and a notice goes to the user."
            );
            output.answer(
                &text,
                &json!({ "user": user.to_string(), "environment": env.to_string(), "reset": true }),
            )
        }
    }
}

fn refused(error: ApiError) -> Failure {
    let (why, advice) = match error.code {
        Code::UserNotFound => (
            "there is no user of this id in the environment",
            "`stile user find EMAIL` shows a user's id and environment.",
        ),
        Code::LastSignInCredential => (
            "the user signs in with a passkey alone: without it there would be no way in",
            "Let the user add an e-mail address first, or delete the user.",
        ),
        code => (code.text(), "Run the command again: resetting twice does no harm. The log says more."),
    };
    Failure::new(full_stop(&format!("The second factors were not reset: {why}")), advice)
}
