//! Which spelling an `Accept` header prefers.

use super::Exposition;

/// `OpenMetrics` when it is asked for by name and weighs at least as much as plain text.
pub(super) fn preferred(accept: &str) -> Exposition {
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    let open_metrics = weight(&ranges, "application/openmetrics-text", "1.0.0").unwrap_or(0.0);
    let text = weight(&ranges, "text/plain", "0.0.4")
        .or_else(|| weight(&ranges, "text/*", ""))
        .or_else(|| weight(&ranges, "*/*", ""))
        .unwrap_or(0.0);
    if open_metrics > 0.0 && open_metrics >= text {
        Exposition::OpenMetrics
    } else {
        Exposition::Text
    }
}

/// The largest weight given to a media type, in this version or in any.
fn weight(ranges: &[Range<'_>], media: &str, version: &str) -> Option<f64> {
    ranges
        .iter()
        .filter(|range| range.media.eq_ignore_ascii_case(media))
        .filter(|range| range.version.is_none_or(|v| v == version))
        .map(|range| range.weight)
        .reduce(f64::max)
}

/// One item of the header, RFC 9110 §12.5.1.
struct Range<'a> {
    media: &'a str,
    version: Option<&'a str>,
    weight: f64,
}

impl<'a> Range<'a> {
    /// Reads an item; `None` for an empty one or a weight outside 0 to 1.
    fn parse(item: &'a str) -> Option<Self> {
        let mut parts = item.split(';').map(str::trim);
        let media = parts.next().filter(|media| !media.is_empty())?;
        let mut range = Self {
            media,
            version: None,
            weight: 1.0,
        };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            if key.trim().eq_ignore_ascii_case("q") {
                range.weight = value.parse().ok().filter(|q| (0.0..=1.0).contains(q))?;
            } else if key.trim().eq_ignore_ascii_case("version") {
                range.version = Some(value);
            }
        }
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_unless_openmetrics_is_asked_for_and_preferred() {
        let plain = [
            "",
            "*/*",
            "text/plain",
            "text/plain, application/openmetrics-text;q=0.5",
            "application/openmetrics-text; version=1.0.0; q=0",
            "application/openmetrics-text; version=0.0.1",
            "application/openmetrics-text; q=7",
            "application/json",
        ];
        for accept in plain {
            assert_eq!(preferred(accept), Exposition::Text, "{accept}");
        }
        let open = [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"",
            "text/plain;q=0.5, application/openmetrics-text;q=0.5",
            // What Prometheus 3 sends.
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,\
             */*;q=0.2",
        ];
        for accept in open {
            assert_eq!(preferred(accept), Exposition::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn a_plain_text_of_another_version_is_not_ours() {
        let accept = "text/plain;version=1.0.0,application/openmetrics-text;q=0.1";
        assert_eq!(preferred(accept), Exposition::OpenMetrics);
    }

    proptest! {
        #[test]
        fn openmetrics_is_never_sent_unasked(accept in "[a-z*/;=,. q0-9]{0,60}") {
            prop_assume!(!accept.contains("openmetrics"));
            prop_assert_eq!(preferred(&accept), Exposition::Text);
        }
    }
}
