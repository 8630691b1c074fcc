//! Where traces go.

use percent_encoding::percent_decode_str;

use crate::domain::Secret;
use crate::outbound::{check_collector, check_header};
use crate::telemetry::{CAN_TRACE, TraceConfig};

use super::values::Values;

const ENDPOINT: &str = "telemetry.otlp_endpoint";
const NAME: &str = "telemetry.service_name";
const RATIO: &str = "telemetry.sample_ratio";
/// The longest name of a service.
const LONGEST: usize = 255;

/// Where traces go, if a collector is named.
pub(super) fn traces(values: &mut Values<'_>) -> Option<TraceConfig> {
    let service_name = name(values);
    let sample_ratio = ratio(values);
    let endpoint = values.text(ENDPOINT);
    if endpoint.is_empty() {
        return None;
    }
    if !CAN_TRACE {
        let wanted = "unset: this build cannot export traces; take one with the feature `otel`";
        values.wrong(ENDPOINT, wanted);
    } else if check_collector(endpoint).is_err() {
        let wanted =
            "the base address of a collector, without credentials, as `http://otel-collector:4318`";
        values.wrong(ENDPOINT, wanted);
    }
    Some(TraceConfig {
        endpoint: endpoint.to_owned(),
        service_name,
        sample_ratio,
    })
}

/// The variable with what a collector wants to be shown, as `authorization=Bearer%20…`. It is no setting: those are
/// shown to whoever may read them.
pub(super) const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// The headers of this list, as OpenTelemetry writes it: `name=value`, comma-separated, values percent-encoded.
pub(super) fn headers(text: &str, problems: &mut Vec<String>) -> Vec<(String, Secret)> {
    let pair = |item: &str| {
        let (name, value) = item.split_once('=')?;
        let value: Vec<u8> = percent_decode_str(value.trim()).collect();
        check_header(name.trim(), &value).then(|| (name.trim().to_owned(), Secret::new(value)))
    };
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    let pairs: Option<Vec<_>> = items.map(pair).collect();
    pairs.unwrap_or_else(|| {
        // Not what was written: it may be a password.
        let wanted = "headers as `name=value`, comma-separated, values percent-encoded";
        problems.push(format!("`{HEADERS}` must be {wanted} (environment)"));
        Vec::new()
    })
}

fn name(values: &mut Values<'_>) -> String {
    let name = values.text(NAME);
    if name.trim().is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        values.wrong(NAME, "a name, as `policyguard`");
    }
    name.to_owned()
}

fn ratio(values: &mut Values<'_>) -> f64 {
    let ratio = values.text(RATIO).parse().ok();
    let ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.unwrap_or_else(|| {
        values.wrong(RATIO, "a number from 0 to 1, as `0.1`");
        1.0
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{ConfigError, Flags, resolve};

    fn of(variable: &str, value: &str) -> Result<Option<TraceConfig>, ConfigError> {
        let environment = BTreeMap::from([(variable.to_owned(), value.to_owned())]);
        resolve(&Flags::default(), &environment).map(|config| config.traces)
    }

    #[test]
    fn a_collector_needs_a_build_that_can_trace() {
        let found = of("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318");
        if CAN_TRACE {
            let config = found.unwrap().unwrap();
            assert_eq!(config.endpoint, "http://otel:4318");
            assert_eq!(config.service_name, "policyguard");
        } else {
            let fault = found.unwrap_err().to_string();
            assert!(fault.contains("the feature `otel`"), "{fault}");
        }
    }

    #[test]
    fn a_collector_has_a_base_address() {
        for bad in [
            "otel:4317",
            "grpc://otel:4317",
            "http://me:secret@otel:4318",
        ] {
            let fault = of("OTEL_EXPORTER_OTLP_ENDPOINT", bad).unwrap_err();
            let fault = fault.to_string();
            assert!(
                fault.contains("`telemetry.otlp_endpoint` must be"),
                "{fault}"
            );
        }
    }

    #[test]
    fn headers_are_a_list_whose_values_nobody_is_shown() {
        let list = "authorization=Bearer%20a=b, x-scope = team ,";
        let mut problems = Vec::new();
        let found = headers(list, &mut problems);
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        let wanted: [(&str, &[u8]); 2] = [("authorization", b"Bearer a=b"), ("x-scope", b"team")];
        assert_eq!((found, problems), (wanted.to_vec(), Vec::new()));
        for bad in ["secret-thing", "a b=secret-thing", "a=secret-thing%0a"] {
            let fault = of(HEADERS, bad).unwrap_err().to_string();
            assert!(fault.contains("`name=value`"), "{fault}");
            assert!(!fault.contains("secret-thing"), "{fault}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_even_without_a_collector() {
        assert_eq!(of("POLICYGUARD__TELEMETRY__SAMPLE_RATIO", "0.25"), Ok(None));
        for ratio in ["1.5", "-0.1", "NaN", "inf", "a lot", ""] {
            let fault = of("POLICYGUARD__TELEMETRY__SAMPLE_RATIO", ratio);
            let fault = fault.unwrap_err().to_string();
            assert!(fault.contains("a number from 0 to 1"), "{fault}");
        }
        let fault = of("OTEL_SERVICE_NAME", "a\nb").unwrap_err().to_string();
        assert!(fault.contains("`telemetry.service_name`"), "{fault}");
    }
}
