//! What both servers share: a listener, a way to be stopped, and serving until then.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use stile_server::delivery::Transport;
use stile_server::{App, Serving};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::error::{Failure, Problem};

/// How long requests that are under way may take after the server was told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// The option that names the address of the API.
pub const LISTEN: &str = "--listen";
/// The option that names the address for Prometheus.
pub const METRICS_LISTEN: &str = "--metrics-listen";

/// Takes the port of an address that this option names.
pub async fn bind(option: &str, address: SocketAddr) -> Result<TcpListener, Problem> {
    let port = address.port();
    TcpListener::bind(address).await.map_err(|e| match e.kind() {
        ErrorKind::AddrInUse => Problem::new(
            format!("Port {port} on {} is taken by another program.", address.ip()),
            format!(
                "Stop that program, or take another port: {option} {}",
                SocketAddr::new(address.ip(), port.checked_add(1).unwrap_or(7845))
            ),
        ),
        ErrorKind::AddrNotAvailable => Problem::new(
            format!("This machine has no address {}.", address.ip()),
            format!(
                "Listen on one that it has: {option} 127.0.0.1:{port} for this machine alone, {option} 0.0.0.0:{port} for \
                 all its addresses."
            ),
        ),
        ErrorKind::PermissionDenied => Problem::new(
            format!("This user may not take port {port}."),
            format!("Take a port from 1024 on: {option} {}", SocketAddr::new(address.ip(), 7845)),
        ),
        _ => Problem::new(
            format!("The server cannot listen on {address}: {e}."),
            format!("Choose another address with {option}."),
        ),
    })
}

/// Open files for everything but connections: databases, mail servers, and the 256 clients at most who are being told that
/// there is no place for them.
const OTHER_FILES: u64 = 512;
/// However few files there are, so many connections are taken.
const LEAST: u64 = 16;

/// How many connections there can be, `wanted` at most. Each is an open file, so the limit of this process on those is
/// raised as far as the system lets it.
#[cfg(unix)]
fn connections(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let reachable = maximum.map_or(needed, |most| most.min(needed));
    let raised = Rlimit { current: Some(reachable), maximum };
    let files = match current {
        None => return wanted,
        Some(current) if current >= reachable => current,
        Some(current) => setrlimit(Resource::Nofile, raised).map_or(current, |()| reachable),
    };
    let room = files.saturating_sub(OTHER_FILES).max(LEAST);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
const fn connections(wanted: usize) -> usize {
    wanted
}

/// Turns true at the first SIGINT or SIGTERM; the second ends the process at once.
pub fn stop_signal() -> Result<watch::Receiver<bool>, Failure> {
    let mut signals =
        Signals::new().map_err(|e| Failure::new(format!("The program cannot wait for signals: {e}."), ""))?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping: what is under way is finished first");
        stop.send_replace(true);
        let code = signals.next().await;
        std::process::exit(code);
    });
    Ok(stopped)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for a signal; answers the exit code that belongs to it.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits for Ctrl-C; answers the exit code that belongs to it.
    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        130
    }
}

/// Serves until told to stop, and a little longer for what is under way.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    transport: Transport,
    mut serving: Serving,
    stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let wanted = serving.connections;
    serving.connections = connections(wanted);
    if serving.connections < wanted {
        let most = serving.connections;
        tracing::warn!(
            most,
            wanted,
            "the limit of open files leaves room for few connections: raise it (ulimit -n)"
        );
    }
    let mut stopped = stop.clone();
    let too_late = async {
        let _closed = stopped.wait_for(|stop| *stop).await;
        tokio::time::sleep(serving.drain + GRACE).await;
    };
    tokio::select! {
        served = stile_server::serve(app, listener, transport, serving, stop) => {
            served.map_err(|e| Failure::new(format!("The server has failed: {e}."), "Start it again."))
        }
        () = too_late => {
            tracing::warn!("some requests did not end in time");
            Ok(())
        }
    }
}
