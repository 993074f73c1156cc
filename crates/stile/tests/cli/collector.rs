//! Those whom a server speaks to: a collector of traces, and a mail server.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(60);

/// A request that brought spans.
pub struct Export {
    pub head: String,
    pub body: Vec<u8>,
}

/// Takes OTLP over HTTP.
pub struct Collector {
    pub address: SocketAddr,
    exports: Receiver<Export>,
}

impl Collector {
    pub fn new() -> Self {
        let (address, exports) = listening(take);
        Self { address, exports }
    }

    /// With TLS, for `localhost`; answers its certificate as PEM.
    pub fn secure() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key.into());
        let config = Arc::new(config.unwrap());
        let (address, exports) = listening(move |stream, send| {
            take(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream), send);
        });
        (Self { address, exports }, made.cert.pem())
    }

    /// What has come; the server must have ended before.
    pub fn taken(&self) -> Vec<Export> {
        self.exports.try_iter().collect()
    }
}

fn take(stream: impl Read + Write, send: &Sender<Export>) {
    let mut stream = BufReader::new(stream);
    while let Some(export) = export(&mut stream) {
        if send.send(export).is_err() {
            return;
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        stream.get_mut().write_all(answer).unwrap();
        stream.get_mut().flush().unwrap();
    }
}

fn export(reader: &mut BufReader<impl Read>) -> Option<Export> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Some(Export { head, body })
}

/// A mail server on this machine; answers its port, and the mails.
pub fn mail_server() -> (u16, Receiver<String>) {
    let (address, mails) = listening(|stream, send: &Sender<String>| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let say = |text: &str| (&stream).write_all(format!("{text}\r\n").as_bytes());
        say("220 mail.example.com ESMTP").unwrap();
        while let Some(Ok(line)) = lines.next() {
            let said = if line == "DATA" {
                say("354 go on").unwrap();
                let mail = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".");
                send.send(mail.collect::<Vec<_>>().join("\n")).unwrap();
                say("250 taken")
            } else {
                say("250 well")
            };
            if said.is_err() {
                return;
            }
        }
    });
    (address.port(), mails)
}

/// Listens on this machine, and handles each connection on a thread of its own.
fn listening<T: Send + 'static>(
    handle: impl Fn(TcpStream, &Sender<T>) + Clone + Send + 'static,
) -> (SocketAddr, Receiver<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let (send, handle) = (send.clone(), handle.clone());
            std::thread::spawn(move || handle(stream, &send));
        }
    });
    (address, receive)
}

/// All spans of these exports, and the attributes of who sent them.
pub fn decoded(exports: &[Export]) -> (Vec<Span>, Vec<KeyValue>) {
    let (mut spans, mut sender) = (Vec::new(), Vec::new());
    for export in exports {
        let request = ExportTraceServiceRequest::decode(&*export.body).unwrap();
        for resource in request.resource_spans {
            sender.extend(resource.resource.into_iter().flat_map(|resource| resource.attributes));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    (spans, sender)
}

/// The attribute as a text.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    match attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref() {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => Some(text.clone()),
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => Some(number.to_string()),
        other => panic!("{key} is {other:?}"),
    }
}
