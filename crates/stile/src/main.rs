//! The program: `stile dev`, `stile serve`, and the commands by which an operator looks after a server.
//!
//! ```text
//! args      what can be said on the command line
//! data      where it is: a folder or a server     open     folder, master key: each refusal says how to mend it
//! dev       the development server             serve    the server          run      both, until told to stop
//! lock      one server on one folder
//! checks    what serve needs, as findings      doctor   those and more
//! logging   log lines                          traces   spans, for whoever collects them
//! env, token, user, audit, keys, backup, restore, openapi   one operator's command each
//! output    the only way to the standard streams
//! ```

mod args;
mod audit;
mod backup;
mod checks;
mod data;
mod dev;
mod doctor;
mod env;
mod env_delete;
mod error;
mod keys;
mod lock;
mod logging;
mod machine;
mod moments;
mod open;
mod openapi;
mod output;
mod paths;
mod restore;
mod rp_id;
mod run;
mod serve;
mod smtp;
mod token;
mod traces;
mod user;
mod user_show;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::Failure;
use output::Output;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything speaks TLS. It fails only when there is one already.
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match start(&cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start(cli: &Cli, output: Output) -> Result<(), Failure> {
    let traces = match &cli.command {
        Command::Serve(_) => traces::start()?,
        _ => None,
    };
    logging::start(cli.log_format, traces.as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("The program cannot start its threads: {e}."), ""))?;
    let outcome = runtime.block_on(async {
        match &cli.command {
            Command::Dev(args) => dev::run(args, output).await,
            Command::Serve(args) => serve::run(args, output).await,
            Command::Doctor(args) => doctor::run(args, output).await,
            Command::Env(args) => env::run(args, output).await,
            Command::Token(args) => token::run(args, output).await,
            Command::User(args) => user::run(args, output).await,
            Command::Audit(args) => audit::run(args, output).await,
            Command::Keys(args) => keys::run(args, output).await,
            Command::Backup(args) => backup::run(args, output).await,
            Command::Restore(args) => restore::run(args, output).await,
            Command::Openapi => openapi::run(),
        }
    });
    if let Some(traces) = traces {
        traces.end();
    }
    outcome
}
