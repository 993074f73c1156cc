//! Clients that take their time. Every wait here is for an event; only the server's patience is short.

use std::sync::Weak;
use std::time::Duration;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{Receiver, channel};

use super::*;

const SHORT: Duration = Duration::from_millis(40);
const LONG: Duration = Duration::from_secs(600);
/// Nobody is without patience.
const ENDLESS: Timeouts = Timeouts { head: LONG, idle: LONG, request: LONG, answer: LONG };

/// A server with these timeouts: `/` answers, `/body` when it has the body, `/much` more than any buffer holds.
async fn server(timeouts: Timeouts) -> TcpStream {
    server_and_phase(timeouts).await.0
}

/// And, once `/much` was asked for, how far its connection is: for as long as there is one.
async fn server_and_phase(timeouts: Timeouts) -> (TcpStream, Receiver<Weak<Phase>>) {
    let (address, told) = listening(timeouts, Places::new(100)).await;
    (TcpStream::connect(address).await.unwrap(), told)
}

/// And where it listens, with places for so many connections.
async fn listening(timeouts: Timeouts, places: Places) -> (SocketAddr, Receiver<Weak<Phase>>) {
    let (tell, told) = channel(1);
    let much = move |ConnectInfo(peer): ConnectInfo<Peer>| async move {
        tell.send(Arc::downgrade(&peer.phase)).await.unwrap();
        "x".repeat(64 << 20)
    };
    let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = inner.local_addr().unwrap();
    let router = Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }))
        .route("/body", post(|body: String| async move { body }))
        .route("/much", get(much));
    let service = watched(router).into_make_service_with_connect_info::<Peer>();
    let listener = Listener { inner, timeouts, places };
    tokio::spawn(axum::serve(listener, service).into_future());
    (address, told)
}

/// Reads an answer that ends in this text.
async fn hear(stream: &mut TcpStream, end: &str) {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
    }
}

/// Waits until the server hangs up.
async fn hung_up(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _end = stream.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_connection_that_says_nothing() {
    hung_up(server(Timeouts { head: SHORT, ..ENDLESS }).await).await;
}

#[tokio::test]
async fn a_head_that_never_ends() {
    for part in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: x\r\nx: y", "PRI * HTTP/2.0\r\n"] {
        let mut stream = server(Timeouts { head: SHORT, ..ENDLESS }).await;
        stream.write_all(part.as_bytes()).await.unwrap();
        hung_up(stream).await;
    }
}

/// A byte now and then does not buy time.
#[tokio::test]
async fn a_head_that_trickles() {
    let stream = server(Timeouts { head: SHORT, ..ENDLESS }).await;
    let (mut from, mut to) = stream.into_split();
    to.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    let trickle = tokio::spawn(async move {
        let mut pace = tokio::time::interval(SHORT / 20);
        while to.write_all(b"y").await.is_ok() {
            pace.tick().await;
        }
    });
    let mut rest = Vec::new();
    let _end = from.read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
    trickle.await.unwrap();
}

#[tokio::test]
async fn a_kept_connection_that_is_not_used() {
    let mut stream = server(Timeouts { idle: SHORT, ..ENDLESS }).await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        hear(&mut stream, "127.0.0.1").await;
    }
    hung_up(stream).await;
}

#[tokio::test]
async fn a_kept_connection_with_half_a_request() {
    let mut stream = server(Timeouts { head: SHORT, ..ENDLESS }).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    hear(&mut stream, "127.0.0.1").await;
    stream.write_all(b"GET / HT").await.unwrap();
    hung_up(stream).await;
}

/// Somebody who asks, and does not take the answer.
#[tokio::test]
async fn an_answer_that_is_not_taken() {
    let (mut stream, mut told) = server_and_phase(Timeouts { answer: SHORT, ..ENDLESS }).await;
    stream.write_all(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let phase = told.recv().await.unwrap();
    while phase.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    let mut heard = Vec::new();
    let _end = stream.read_to_end(&mut heard).await;
    assert!(heard.starts_with(b"HTTP/1.1 200 OK\r\n") && heard.len() < 64 << 20, "{}", heard.len());
}

/// While a request is at work, the client may be silent: the request has a deadline of its own.
#[tokio::test]
async fn a_body_is_not_the_connections_business() {
    let timeouts = Timeouts { head: SHORT, idle: SHORT, ..ENDLESS };
    let mut stream = server(timeouts).await;
    stream.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n12").await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut nothing = [0];
    let heard = tokio::time::timeout(SHORT * 4, from.read(&mut nothing)).await;
    assert!(heard.is_err(), "it is still waited for");
    to.write_all(b"34").await.unwrap();
    hear(&mut stream, "1234").await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_answered_503_until_one_ends() {
    let (address, _told) = listening(ENDLESS, Places::new(2)).await;
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        hear(&mut stream, "127.0.0.1").await;
        inside.push(stream);
    }
    // One that says something first and one that only listens.
    for said in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", ""] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("retry-after: 1\r\n") && answer.contains("\"code\":\"busy\""), "{answer}");
    }
    // Those inside go on, and the place of one that leaves is free again.
    inside[0].write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    hear(&mut inside[0], "127.0.0.1").await;
    inside.pop();
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        if answer.starts_with("HTTP/1.1 200 ") {
            break;
        }
    }
}

/// Somebody who never hangs up must not keep others from being told.
#[tokio::test]
async fn a_refusal_is_not_waited_for_without_end() {
    let mut places = Places::new(0);
    (places.refusals, places.patience) = (Arc::new(tokio::sync::Semaphore::new(1)), SHORT);
    let (address, _told) = listening(ENDLESS, places).await;
    let mut kept = Vec::new();
    while kept.len() < 3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        // While a refusal is on its way, further connections are closed without a word.
        let _end = stream.read_to_end(&mut answer).await;
        if answer.starts_with(b"HTTP/1.1 503 ") {
            kept.push(stream);
        }
    }
}
