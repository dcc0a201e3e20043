//! The conformance statement is that of the code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::Command;

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mamoru")).arg("conformance").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_printed_statement_is_the_documented_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    let printed = printed();
    let differing = documented.lines().zip(printed.lines()).position(|(documented, printed)| documented != printed);
    assert!(
        documented == printed,
        "docs/conformance.md is not what the code says, from line {} on; write it anew with: \
         cargo run --release -- conformance > docs/conformance.md",
        differing.unwrap_or_else(|| documented.lines().count().min(printed.lines().count())) + 1
    );
}

#[test]
fn every_constant_has_its_name_in_it() {
    let printed = printed();
    let nameless: Vec<&str> =
        printed.lines().filter(|line| line.contains("not named") && line.starts_with('|')).collect();
    assert!(nameless.is_empty(), "give these a name in appliance/src/conformance: {nameless:#?}");
    for uid in dimse::sop_class::STORAGE.iter().chain(&receiver::TRANSFER_SYNTAXES) {
        assert!(printed.contains(&format!("`{uid}`")), "{uid}");
    }
    for reason in domain::ExclusionReason::ALL {
        let name = serde_json::to_value(reason).unwrap();
        assert!(printed.contains(&format!("| `{}` | {} |", name.as_str().unwrap(), reason.text())), "{reason:?}");
    }
    for described in results::DESCRIBED {
        assert!(printed.contains(described.sop_class) && printed.contains(described.series_description));
    }
    // Tables are whole: each row has the columns of its head.
    let mut columns = None;
    for line in printed.lines() {
        let count = line.replace("\\|", "").matches('|').count();
        assert!(!line.starts_with('|') || columns.is_none_or(|columns| columns == count), "{line}");
        columns = line.starts_with('|').then_some(count);
    }
}
