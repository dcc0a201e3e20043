//! Keys of the configuration that change what this statement says.

use toml::{Table, Value};

use super::table::{code, table};
use crate::config::DEFAULT_TOML;

/// A key and what it decides. Destinations have no default worth printing.
const KEYS: [(&str, &str); 28] = [
    ("receiver.listen", "address and port without TLS, or `off`"),
    ("receiver.ae_title", "AE title"),
    ("receiver.called_ae_checked", "must a requestor call us by it?"),
    ("receiver.calling_ae_allowed", "who may send; empty: everybody"),
    ("receiver.peer_addresses_allowed", "from where; empty: from everywhere"),
    ("receiver.associations_max", "associations at the same time"),
    ("receiver.associations_per_peer_max", "of one address"),
    ("receiver.pdu_bytes_max", "longest PDU that is received"),
    ("receiver.artim_timeout_ms", "for A-ASSOCIATE"),
    ("receiver.idle_timeout_ms", "silence that ends an association"),
    ("receiver.instance_timeout_ms", "longest time for one instance"),
    ("receiver.instance_bytes_max", "largest instance"),
    ("receiver.disk_free_bytes_min", "free space below which A700 is answered"),
    ("receiver.commitment_answered", "are requests for storage commitment answered?"),
    ("eligibility.accept_secondary_capture", "digitised film"),
    ("eligibility.implants", "breasts with an implant"),
    ("eligibility.repeated_views", "several images of one view"),
    ("eligibility.burned_in_annotation", "text burned into pixels"),
    ("assembly.settle_ms", "a complete study is reported after"),
    ("assembly.quiet_ms", "an incomplete one after this time without an arrival"),
    ("assembly.longest_ms", "and at the latest after"),
    ("assembly.provisional_ms", "a provisional result after; 0: none"),
    ("assembly.expected_views", "a complete study has"),
    ("model", "the model"),
    ("results.finding_code", "code of called findings in Mammography CAD SR"),
    ("results.operating_point", "what decides whether an image is called"),
    ("retention.images_hours", "received files are kept for"),
    ("retention.results_hours", "results are kept for"),
];

pub(super) fn section() -> String {
    let default: Table = DEFAULT_TOML.parse().unwrap_or_default();
    let rows = KEYS.map(|(key, meaning)| [code(key), code(&value(&default, key)), meaning.to_owned()]);
    format!(
        "## 14 Configuration

`mamoru config default` prints all keys with their explanation. These change what this statement says:

{}
`[receiver.tls]` has `listen`, `certificate`, `key`, `client_ca`, `client_certificate` and `ae_certificates` (section 15).
A destination (`[[destinations]]`) has a `name`, one way (`address`, `called_ae`, `calling_ae` and `tls`; `stow`; `post`; or `folder`), `objects`
(kinds of section 7, in lists of kinds that stand for each other), `senders` (only studies of these AE titles), `commitment`,
`commitment_wait_ms`, `concurrency`, `retry` and `timeouts`.
",
        table(["key", "default", "meaning"], rows)
    )
}

fn value(default: &Table, key: &str) -> String {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| default.get(part));
    let found = parts.try_fold(first, |table, part| Some(table?.as_table()?.get(part))).flatten();
    found.map_or("not named".to_owned(), Value::to_string)
}
