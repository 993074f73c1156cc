//! `stile user`: what an operator may do for a user.

use serde_json::json;
use stile_server::flows::environments::OperatorError;
use stile_server::flows::reset::{self, Order, ResetError};
use stile_store::Source;

use crate::args::{UserArgs, UserCommand};
use crate::env::read_settings;
use crate::error::{Failure, full_stop};
use crate::output::Output;
use crate::{open, user_show};

/// Carries out `stile user …`.
pub async fn run(args: &UserArgs, output: Output) -> Result<(), Failure> {
    match &args.command {
        UserCommand::Find(which) => user_show::find(&args.place.store().await?, which, output).await,
        UserCommand::Show(which) => user_show::show(&args.place.store().await?, which, output).await,
        UserCommand::ResetMfa { env, user, reason } => {
            let (store, keys) = args.place.unlocked(false).await?;
            let row = store.environment(*env).await?.ok_or(OperatorError::NoEnvironment(*env))?;
            let settings = read_settings(&row)?;
            let order = Order {
                environment: *env,
                app: &settings.general.display_name,
                support: settings.general.support_email.as_deref(),
                user: *user,
                reason: Some(reason),
                source: Source::operator(),
                now: open::now(),
            };
            reset::reset(&store, &keys, &order).await.map_err(refused)?;
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

fn refused(error: ResetError) -> Failure {
    let advice = match &error {
        ResetError::NoUser => "`stile user find EMAIL` shows a user's id and environment.",
        ResetError::LastWayIn => "Let the user add an e-mail address first, or delete the user.",
        ResetError::Store(_) | ResetError::Commit(_) | ResetError::Seal(_) => {
            "Try again; nothing was changed."
        }
    };
    Failure::new(full_stop(&format!("The second factors were not reset: {error}")), advice)
}
