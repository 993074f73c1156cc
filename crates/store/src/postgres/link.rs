//! Opening connections.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{self, Address};
use super::connection::Connection;
use super::fault::said;

/// How long one host may take to answer.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection whose other end is silent for about this long is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// What every session is told. Locks give up earlier than statements, so that the reason is known. A node that
/// vanished in the middle of a transaction holds its locks for ten seconds. And where the operator switched
/// durability off for the whole server, it is on for us (invariant 5). Every statement has its index, and is planned
/// once: a table that was nearly empty just then would be read from end to end when it is full. The few that read a whole
/// table look so dear then that the server would compile them, which takes seconds for what takes microseconds.
const SETTINGS: &str = "SET statement_timeout = 5000; SET lock_timeout = 4000; \
    SET idle_in_transaction_session_timeout = 10000; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// How to reach the database.
pub(super) struct Link {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Link {
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let Address { mut config, authorities } = address::read(url)?;
        config
            .connect_timeout(CONNECT)
            .keepalives(true)
            .keepalives_idle(SILENCE / 3)
            .keepalives_interval(SILENCE / 3)
            .keepalives_retries(2)
            .tcp_user_timeout(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("stile");
        }
        Ok(Self { config, tls: tls(authorities.as_deref())? })
    }

    /// What an operator may read of where it leads.
    pub(super) fn shown(&self) -> String {
        address::shown(&self.config)
    }

    pub(super) async fn connect(&self) -> Result<Connection, Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = said(&error), "a connection to the database was lost");
            }
        });
        let connection = Connection::new(client, driver);
        connection.client.batch_execute(SETTINGS).await?;
        Ok(connection)
    }
}

/// TLS that verifies the server's certificate and name.
fn tls(authorities: Option<&str>) -> Result<MakeRustlsConnect, String> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    fn unreadable(error: impl Display) -> String {
        format!("the file of `sslrootcert` cannot be used: {error}")
    }
    let mut roots = rustls::RootCertStore::empty();
    match authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?).map_err(unreadable)?;
            }
            if roots.is_empty() {
                return Err(unreadable("it holds no certificate"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
