//! The server on a port of its own: its start, its end, and clients who keep it waiting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use stile_server::delivery::Transport;
use stile_server::{Serving, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{ENVIRONMENT, ORIGIN, World};

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(600);

struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    end: JoinHandle<std::io::Result<()>>,
}

async fn start(world: &World, serving: Serving) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let app = Arc::clone(&world.app);
    let end = tokio::spawn(stile_server::serve(app, listener, Transport::DevOnly, serving, stopped));
    Running { address, stop, end }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Sends a request on a connection that is kept, and answers the status line.
async fn ask(stream: &mut TcpStream, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.windows(4).any(|w| w == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0, "hung up");
    }
    String::from_utf8_lossy(&heard).lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_node_that_is_about_to_end_says_so_first() {
    let world = World::new().await;
    let running = start(&world, Serving { drain: LONG, ..Serving::default() }).await;
    let mut kept = running.connect().await;
    assert_eq!(ask(&mut kept, "/readyz").await, "HTTP/1.1 204 No Content");
    running.stop.send_replace(true);
    // The signal is on its way to where it is heard.
    while ask(&mut kept, "/readyz").await.starts_with("HTTP/1.1 204") {}
    let mut fresh = running.connect().await;
    assert_eq!(ask(&mut fresh, "/readyz").await, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(ask(&mut fresh, "/healthz").await, "HTTP/1.1 204 No Content");
    let settings = format!("/api/v0/sdk/{ENVIRONMENT}/settings");
    assert_eq!(ask(&mut fresh, &settings).await, "HTTP/1.1 200 OK", "it still works for those who come");
    running.end.abort();
}

#[tokio::test]
async fn it_ends_when_nothing_is_under_way() {
    let world = World::new().await;
    let running = start(&world, Serving::default()).await;
    let mut kept = running.connect().await;
    assert_eq!(ask(&mut kept, "/healthz").await, "HTTP/1.1 204 No Content");
    running.stop.send_replace(true);
    running.end.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// Slow-loris: a request that never becomes whole holds its connection for a moment, and the end of the server too.
#[tokio::test]
async fn a_client_who_never_finishes_is_left() {
    let world = World::new().await;
    let timeouts = Timeouts { head: SHORT, ..Timeouts::default() };
    let running = start(&world, Serving { timeouts, ..Serving::default() }).await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nx: y").await.unwrap();
    let mut heard = Vec::new();
    let _end = slow.read_to_end(&mut heard).await;
    assert_eq!(heard, b"");
    running.stop.send_replace(true);
    running.end.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_never_comes_is_waited_for_until_the_deadline() {
    let world = World::new().await;
    let timeouts = Timeouts { request: SHORT, ..Timeouts::default() };
    let running = start(&world, Serving { timeouts, ..Serving::default() }).await;
    let mut slow = running.connect().await;
    let head = format!(
        "POST /api/v0/sdk/{ENVIRONMENT}/emailVerifications/create HTTP/1.1\r\nhost: x\r\norigin: {ORIGIN}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut heard = String::new();
    // The server hangs up: what would come of the body is no request.
    slow.read_to_string(&mut heard).await.unwrap();
    assert!(heard.starts_with("HTTP/1.1 503 ") && heard.contains("deadline_exceeded"), "{heard}");
    running.end.abort();
}
