//! The text format of Prometheus, version 0.0.4.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::device::{Family, Kind, Sample};

const SAMPLES_MAX: usize = 256;
const LABEL_CHARACTERS_MAX: usize = 128;

/// All families that keep the convention, each name once; what does not is left out and named in the log.
pub fn render(families: &[Family]) -> String {
    let mut text = String::new();
    let mut names = HashSet::new();
    for family in families {
        if !is_conventional(family) || !names.insert(&family.name) {
            tracing::warn!(metric = %family.name, "a metric is left out: its name or its samples are against the convention");
            continue;
        }
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a text cannot fail.
        let _ = writeln!(text, "# HELP {} {help}\n# TYPE {} {kind}", family.name, family.name);
        for sample in &family.samples {
            let _ = writeln!(text, "{}{} {}", family.name, labels(sample), value(sample.value));
        }
    }
    text
}

fn is_conventional(family: &Family) -> bool {
    let mut seen = HashSet::new();
    family.name.starts_with("mamoru_")
        && is_name(&family.name)
        && family.name.ends_with("_total") == (family.kind == Kind::Counter)
        && !family.help.is_empty()
        && family.samples.len() <= SAMPLES_MAX
        && family.samples.iter().all(|sample| {
            let mut names = HashSet::new();
            sample.labels.iter().all(|(name, _)| is_name(name) && !name.starts_with("__") && names.insert(name))
                && seen.insert(labels(sample))
                && (family.kind == Kind::Gauge || sample.value >= 0.0)
        })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn labels(sample: &Sample) -> String {
    let pairs: Vec<String> = sample
        .labels
        .iter()
        .map(|(name, value)| {
            let short: String = value.chars().take(LABEL_CHARACTERS_MAX).collect();
            format!("{name}=\"{}\"", short.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
        })
        .collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn value(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str, kind: Kind, samples: &[(&[(&str, &str)], f64)]) -> Family {
        let owned = |labels: &[(&str, &str)]| labels.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        let samples = samples.iter().map(|(labels, value)| Sample { labels: owned(labels), value: *value }).collect();
        Family { name: name.into(), help: "Some help.".into(), kind, samples }
    }

    #[test]
    fn values_and_labels_are_written_as_prometheus_reads_them() {
        let mut odd = family("mamoru_disk_free_bytes", Kind::Gauge, &[(&[("a", "x\"y\\z\nw")], 1.5), (&[], f64::NAN)]);
        odd.help = "two\nlines".into();
        assert_eq!(
            render(&[odd, family("mamoru_images_total", Kind::Counter, &[(&[], 3.0)])]),
            "# HELP mamoru_disk_free_bytes two\\nlines\n# TYPE mamoru_disk_free_bytes gauge\n\
             mamoru_disk_free_bytes{a=\"x\\\"y\\\\z\\nw\"} 1.5\nmamoru_disk_free_bytes NaN\n\
             # HELP mamoru_images_total Some help.\n# TYPE mamoru_images_total counter\nmamoru_images_total 3\n"
        );
        assert_eq!([value(f64::INFINITY), value(f64::NEG_INFINITY)], ["+Inf", "-Inf"]);
    }

    #[test]
    fn what_is_against_the_convention_is_left_out() {
        let good = family("mamoru_up", Kind::Gauge, &[(&[], 1.0)]);
        let rendered = render(std::slice::from_ref(&good));
        for bad in [
            family("up", Kind::Gauge, &[]),
            family("mamoru_Up", Kind::Gauge, &[]),
            family("mamoru_up\nmore", Kind::Gauge, &[]),
            family("mamoru_images", Kind::Counter, &[]),
            family("mamoru_images_total", Kind::Gauge, &[]),
            family("mamoru_images_total", Kind::Counter, &[(&[], -1.0)]),
            family("mamoru_a", Kind::Gauge, &[(&[("A", "")], 1.0)]),
            family("mamoru_a", Kind::Gauge, &[(&[("a", ""), ("a", "")], 1.0)]),
            family("mamoru_a", Kind::Gauge, &[(&[], 1.0), (&[], 2.0)]),
            family("mamoru_up", Kind::Gauge, &[(&[], 2.0)]),
            Family { help: String::new(), ..family("mamoru_a", Kind::Gauge, &[]) },
        ] {
            assert_eq!(render(&[good.clone(), bad.clone()]), rendered, "{bad:?}");
        }
    }
}
