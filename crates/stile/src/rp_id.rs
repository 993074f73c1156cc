//! Relying-party ids: which origins the passkeys of a domain work on.

use stile_core::origin::OriginPattern;
use stile_core::settings::Settings;
use url::{Host, Url};

use crate::error::Failure;

/// Whether passkeys of the domain work on the origin: it is the origin's host, or above it (WebAuthn L3 §5.1.3
/// step 8).
pub fn covers(domain: &str, origin: &OriginPattern) -> bool {
    let below =
        |host: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    match origin {
        OriginPattern::Localhost => domain == "localhost",
        OriginPattern::AnyLabel { suffix } => below(suffix),
        OriginPattern::Exact(origin) => Url::parse(origin)
            .ok()
            .is_some_and(|url| matches!(url.host(), Some(Host::Domain(host)) if below(host))),
    }
}

/// The allowed origins on which passkeys of the environment's domain do not work by themselves.
fn strange_origins(settings: &Settings) -> Vec<&OriginPattern> {
    let Some(domain) = settings.passkeys.rp_id.as_deref() else { return Vec::new() };
    settings.allowed_origins.iter().filter(|origin| !covers(domain, origin)).collect()
}

/// Refuses a domain whose passkeys do not work on every allowed origin by themselves: it can never be changed.
pub fn check(settings: &Settings) -> Result<(), Failure> {
    let (Some(domain), strange) = (settings.passkeys.rp_id.as_deref(), strange_origins(settings)) else {
        return Ok(());
    };
    if strange.is_empty() {
        return Ok(());
    }
    let names = strange.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Failure::new(
        format!("Passkeys of {domain} do not work on {names}, and the domain can never be changed."),
        format!(
            "The domain must be the host of your app's origin or a part of it that is yours: for https://app.example.com \
             that is app.example.com or example.com.\nIf it is meant so, because https://{domain}/.well-known/webauthn \
             will lead to Stile (related origins), say it with --yes."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_covers_itself_and_what_is_below() {
        for (domain, origin, expected) in [
            ("example.com", "https://example.com", true),
            ("example.com", "https://app.example.com:8443", true),
            ("example.com", "https://badexample.com", false),
            ("app.example.com", "https://example.com", false),
            ("example.com", "https://*.example.com", true),
            ("example.com", "https://*.app.example.com", true),
            ("app.example.com", "https://*.example.com", false),
            ("localhost", "http://localhost:*", true),
            ("example.com", "http://localhost:*", false),
            ("localhost", "http://localhost:3000", true),
            ("0.0.1", "https://127.0.0.1", false),
        ] {
            assert_eq!(covers(domain, &OriginPattern::parse(origin).unwrap()), expected, "{domain} {origin}");
        }
    }
}
