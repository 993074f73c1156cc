//! The HTTP client by which spans leave. It blocks, on the thread that waits for spans and does nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// An answer has at most this many bytes: it says little.
const MAX_ANSWER: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct Collector {
    agent: Agent,
    /// Whether the last attempt failed: what goes on for long is said once.
    failing: AtomicBool,
}

impl Collector {
    /// `authorities`: whose certificates are trusted, instead of the well-known ones.
    pub(super) fn new(timeout: Duration, authorities: Option<Vec<Certificate<'static>>>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(authorities.map_or(RootCerts::WebPki, RootCerts::from))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build();
        Self { agent: config.new_agent(), failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let (head, mut body) = self.agent.run(Request::from_parts(head, &*body))?.into_parts();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    fn note(&self, failure: Option<String>) {
        let failed = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(reason) if !failed => tracing::warn!(reason, "traces are not delivered"),
            None if failed => tracing::info!("traces are delivered again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request);
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answers {}", answer.status().as_u16())),
            Err(error) => Some(error.to_string()),
        });
        Ok(answer?)
    }
}
