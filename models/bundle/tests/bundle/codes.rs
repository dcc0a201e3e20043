//! Codes are part of the format: each is given once, met by an attack and explained in the format's description.

use std::collections::BTreeSet;
use std::path::Path;

use crate::attacks::corpus;

/// The codes that stand in the crate.
fn codes() -> Vec<String> {
    let source = include_str!("../../src/refusal.rs");
    let quoted = source.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.len() == 4 && text.starts_with('B')).map(str::to_owned).collect()
}

#[test]
fn each_code_is_given_once_met_and_explained() {
    let all = codes();
    let different: BTreeSet<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(different.len(), all.len(), "a code is given twice");
    let met: BTreeSet<&str> = corpus().iter().map(|attack| attack.code()).collect();
    // The medium's and the disk's, which no bundle can bring about.
    let others = ["B101", "B503"];
    let unmet: Vec<_> = different.iter().filter(|code| !met.contains(*code) && !others.contains(code)).collect();
    assert!(unmet.is_empty(), "no attack meets {unmet:?}");
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let unexplained: Vec<_> = different.iter().filter(|code| !readme.contains(*code)).collect();
    assert!(unexplained.is_empty(), "models/README.md does not explain {unexplained:?}");
}

#[test]
fn a_refusal_says_what_to_do_and_shows_no_control_characters() {
    for attack in corpus() {
        let refusal = attack.refusal();
        let (text, advice) = (refusal.to_string(), refusal.advice());
        assert!(!text.chars().any(char::is_control) && text.len() < 400, "{text:?}");
        assert!(!text.ends_with('.') && advice.ends_with('.') && advice.len() > 20, "{text}: {advice}");
    }
}
