//! Codes are part of what a technician reads: each is given once and explained.

use std::collections::BTreeSet;
use std::path::Path;

use updater::UpdateError;

#[test]
fn each_code_is_given_once_and_explained() {
    let sources = [include_str!("../../src/error.rs"), include_str!("../../src/state/refused.rs")].concat();
    let quoted = sources.split('"').skip(1).step_by(2);
    let codes: Vec<&str> = quoted.filter(|text| text.len() == 4 && text.starts_with('U')).collect();
    assert!(codes.len() > 15 && codes.iter().collect::<BTreeSet<_>>().len() == codes.len(), "{codes:?}");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let unexplained: Vec<_> = codes.iter().filter(|code| !readme.contains(**code)).collect();
    assert!(unexplained.is_empty(), "models/README.md does not explain {unexplained:?}");
}

#[test]
fn an_error_says_what_to_do() {
    let errors = [
        UpdateError::Refused(updater::Refused::OnTrial),
        UpdateError::NoRoom { needed: 2, free: 1 },
        UpdateError::InUse,
        UpdateError::Bundle(bundle::Refusal::NotABundle),
    ];
    for error in errors {
        assert!(error.advice().ends_with('.') && !error.to_string().ends_with('.'), "{error}");
        assert_eq!(error.code().len(), 4);
    }
}
