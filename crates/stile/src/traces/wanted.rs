//! What the standard variables of OpenTelemetry ask for. What they cannot mean is refused, where other programs would go
//! on without traces.

use std::time::Duration;

use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;
use ureq::http::{HeaderName, HeaderValue};
use ureq::tls::{Certificate, PemItem, parse_pem};
use url::Url;

use crate::error::Problem;

/// How long a batch may take (the default of OpenTelemetry).
const TIMEOUT: Duration = Duration::from_secs(10);
const PATH: &str = "v1/traces";

/// Where traces go, and how.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) endpoint: Url,
    pub(super) timeout: Duration,
    pub(super) sampler: Sampler,
    pub(super) authorities: Option<Vec<Certificate<'static>>>,
}

impl Wanted {
    pub(super) fn shown(&self) -> String {
        // The rest may be a key.
        let url = &self.endpoint;
        format!("{}{}", url.origin().ascii_serialization(), url.path())
    }
}

/// Reads them; nothing when no endpoint is named, or traces are switched off.
pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Wanted>, Problem> {
    let said =
        |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    // One for traces goes before one for all.
    let exporter = |name: &str| {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
        names.into_iter().find_map(|name| said(&name).map(|value| (name, value)))
    };
    if said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    match said("OTEL_TRACES_EXPORTER").as_deref() {
        Some("none") => return Ok(None),
        None | Some("otlp") => {}
        Some(_) => {
            return Err(wrong("OTEL_TRACES_EXPORTER", "names an exporter that there is not", "otlp or none"));
        }
    }
    let Some((name, text)) = exporter("ENDPOINT") else { return Ok(None) };
    let endpoint = endpoint(&name, &text)?;
    if let Some((name, _)) = exporter("PROTOCOL").filter(|(_, value)| value != "http/protobuf") {
        return Err(wrong(
            &name,
            "names a protocol that Stile does not speak",
            "http/protobuf, at port 4318 usually",
        ));
    }
    if let Some((name, _)) = exporter("COMPRESSION").filter(|(_, value)| !matches!(&**value, "gzip" | "none"))
    {
        return Err(wrong(&name, "names a compression that there is not", "gzip or none"));
    }
    if let Some((name, text)) = exporter("HEADERS") {
        headers(&name, &text)?;
    }
    let timeout = match exporter("TIMEOUT") {
        None => TIMEOUT,
        Some((name, text)) => match text.parse() {
            Ok(millis @ 1..) => Duration::from_millis(millis),
            _ => return Err(wrong(&name, "is no time", "milliseconds, such as 10000")),
        },
    };
    let sampler = sampler(said("OTEL_TRACES_SAMPLER"), said("OTEL_TRACES_SAMPLER_ARG"))?;
    let authorities = exporter("CERTIFICATE").map(|(name, file)| certificates(&name, &file)).transpose()?;
    Ok(Some(Wanted { endpoint, timeout, sampler, authorities }))
}

/// A refusal. It repeats no value: there are keys among them.
fn wrong(name: &str, what: &str, right: &str) -> Problem {
    Problem::new(format!("The variable {name} {what}."), format!("Write {right}, or unset it."))
}

fn endpoint(name: &str, text: &str) -> Result<Url, Problem> {
    let refuse = |what| wrong(name, what, "a URL such as http://localhost:4318");
    let mut url = Url::parse(text).map_err(|_| refuse("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("does not begin with http:// or https://"));
    }
    if !url.has_host() || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(refuse("has more than scheme, host, port, path and query"));
    }
    // The one for all signals is a base; the one for traces is used as it is.
    if !name.contains("TRACES") {
        let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Ok(url)
}

fn headers(name: &str, text: &str) -> Result<(), Problem> {
    let good = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        // What is no header once it is decoded would be left out without a word.
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let (name, value) = (name.trim().parse::<HeaderName>(), HeaderValue::from_str(&value));
        (name.is_ok() && value.is_ok_and(|value| !value.is_empty())).then_some(())
    };
    if text.split_terminator(',').all(|pair| good(pair).is_some()) {
        return Ok(());
    }
    Err(wrong(name, "is no list of headers", "them as name=value,name=value with values percent-encoded"))
}

/// How many traces are kept. Each begins here, so there is no caller whose decision would count.
fn sampler(name: Option<String>, ratio: Option<String>) -> Result<Sampler, Problem> {
    let name = name.unwrap_or_else(|| "always_on".into());
    let root = match name.strip_prefix("parentbased_").unwrap_or(&name) {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => match ratio.map_or(Ok(1.0), |text| text.parse::<f64>()) {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Sampler::TraceIdRatioBased(ratio),
            _ => return Err(wrong("OTEL_TRACES_SAMPLER_ARG", "is no ratio", "a number from 0 to 1")),
        },
        _ => {
            let right = "always_on, always_off or traceidratio";
            return Err(wrong("OTEL_TRACES_SAMPLER", "names a sampler that there is not", right));
        }
    };
    Ok(Sampler::ParentBased(Box::new(root)))
}

fn certificates(name: &str, file: &str) -> Result<Vec<Certificate<'static>>, Problem> {
    let refuse = |what| wrong(name, what, "the path of a PEM file");
    let bytes = std::fs::read(file).map_err(|_| refuse("names a file that cannot be read"))?;
    let found = parse_pem(&bytes).map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Ok(certificate),
        _ => Err(refuse("names a file that holds something else than certificates")),
    });
    let found = found.collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() { Err(refuse("names a file without a certificate")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(variables: &[(&str, &str)]) -> Result<Option<Wanted>, Problem> {
        read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_is_sent_unless_an_endpoint_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        for variables in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[("OTEL_SERVICE_NAME", "x"), ("OTEL_TRACES_SAMPLER", "always_on")],
            &[endpoint, ("OTEL_SDK_DISABLED", "TRUE")],
            &[endpoint, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert!(reading(variables).unwrap().is_none(), "{variables:?}");
        }
        assert!(reading(&[endpoint, ("OTEL_TRACES_EXPORTER", "otlp")]).unwrap().is_some());
    }

    #[test]
    fn endpoints() {
        let (all, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let shown = |variables: &[(&str, &str)]| reading(variables).unwrap().unwrap().shown();
        assert_eq!(shown(&[(all, "http://localhost:4318")]), "http://localhost:4318/v1/traces");
        assert_eq!(shown(&[(all, "https://c.example/otlp/")]), "https://c.example/otlp/v1/traces");
        assert_eq!(
            shown(&[(all, "nonsense"), (traces, "https://c.example/in?key=k")]),
            "https://c.example/in"
        );
        for bad in [
            "localhost:4318",
            "c.example",
            "ftp://c.example",
            "https://u:hunter2@c.example",
            "http://a#b",
            "http://",
        ] {
            let problem = reading(&[(all, bad)]).unwrap_err();
            assert!(problem.what.contains(all) && !problem.to_string().contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_the_variable_s_name() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        for (name, bad) in [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2,b"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=\u{1}hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0Ab"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/there/is/none"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
        ] {
            let problem = reading(&[endpoint, (name, bad)]).unwrap_err();
            assert!(problem.what.contains(name) && !problem.to_string().contains("hunter2"), "{problem}");
        }
        for bad in ["1.1", "-1", "half", "NaN"] {
            let ratio =
                [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", bad)];
            let problem = reading(&[&[endpoint][..], &ratio].concat()).unwrap_err();
            assert!(problem.what.contains("OTEL_TRACES_SAMPLER_ARG"), "{problem}");
        }
    }

    #[test]
    fn what_is_right_is_taken() {
        let wanted = reading(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20eA==, x-team=blue,"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let wanted = wanted.unwrap().unwrap();
        assert_eq!(wanted.timeout, Duration::from_millis(250));
        assert!(wanted.authorities.is_none());
        assert!(format!("{:?}", wanted.sampler).contains("0.25"), "{:?}", wanted.sampler);
    }
}
