//! Where traces go.

use crate::outbound::check_collector;
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
