//! The layer table of a topology.

use std::fmt::Write as _;

use contract::Topology;
use contract::topology::TensorSpec;

/// One line per part and the totals: parameters, trained and frozen by the reference method.
#[must_use]
pub fn table(topology: &Topology) -> String {
    let tensors = topology.tensors();
    let parameters = |prefix: &str| -> u64 {
        let of_part = |tensor: &&TensorSpec| tensor.is_parameter() && tensor.name.starts_with(&format!("{prefix}."));
        tensors.iter().filter(of_part).map(TensorSpec::len).sum()
    };
    let state = |trained: bool| if trained { "trained" } else { "frozen" };
    let mut text = format!("{:<16} {:<34} {:>10}  {}\n", topology.name, "layer", "parameters", "reference");
    let mut line = |prefix: &str, layer: String, trained: bool| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{prefix:<16} {layer:<34} {:>10}  {}", grouped(parameters(prefix)), state(trained));
    };
    line("features.0", format!("conv 3x3 /2, 3 to {}", topology.stem_channels), false);
    for block in topology.blocks() {
        let stride = if block.stride == 2 { " /2" } else { "" };
        let layer = format!(
            "mbconv {0}x{0}{stride}, {1} to {2} by {3}",
            block.kernel, block.input, block.output, block.expanded
        );
        line(&block.prefix, layer, block.stage >= topology.first_trained_stage);
    }
    let head = format!("conv 1x1, {} to {}", topology.head_input(), topology.head_channels);
    line(&topology.head_prefix(), head, true);
    line("classifier.1", format!("linear, {} to 1", topology.head_channels), true);
    let (all, trained) = (topology.parameter_count(), topology.trained_parameter_count());
    for (name, count) in [("total", all), ("trained", trained), ("frozen", all - trained)] {
        let _ = writeln!(text, "{name:<51} {:>10}", grouped(count));
    }
    text
}

/// Decimal digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_those_of_the_reference_method() {
        let text = table(&Topology::efficientnet_b4());
        for count in ["17,550,409", "5,278,197", "12,272,212"] {
            assert!(text.contains(count), "{text}");
        }
        assert_eq!(text.lines().count(), 1 + 1 + 32 + 2 + 3);
        assert!(text.lines().any(|line| line.starts_with("features.7.1") && line.contains("3,049,200")), "{text}");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
