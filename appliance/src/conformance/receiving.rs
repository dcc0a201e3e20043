//! The receiver as SCP: what it accepts, and what it answers.

use contract::{CodedConcept, InstanceAttributes, KeyObjects, Uid, transfer_syntax as syntax};
use dimse::{Status, sop_class};
use domain::eligibility::{REJECTION_TITLES, judge};
use domain::{Eligibility, EligibilityPolicy, ExclusionReason};
use receiver::{ReceiverConfig, TRANSFER_SYNTAXES};

use super::table::{code, name, table};

/// Names of PS3.6. What is accepted and not in here is "not named", which a test refuses.
const CLASS_NAMES: [(&str, &str); 8] = [
    ("1.2.840.10008.5.1.4.1.1.1.2", "Digital Mammography X-Ray Image Storage - For Presentation"),
    ("1.2.840.10008.5.1.4.1.1.1.2.1", "Digital Mammography X-Ray Image Storage - For Processing"),
    ("1.2.840.10008.5.1.4.1.1.13.1.3", "Breast Tomosynthesis Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.13.1.4", "Breast Projection X-Ray Image Storage - For Presentation"),
    ("1.2.840.10008.5.1.4.1.1.7", "Secondary Capture Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.1.1", "Digital X-Ray Image Storage - For Presentation"),
    ("1.2.840.10008.5.1.4.1.1.1", "Computed Radiography Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.59", "Key Object Selection Document Storage"),
];

const SYNTAX_NAMES: [(&str, &str); 16] = [
    (syntax::IMPLICIT_LE, "Implicit VR Little Endian"),
    (syntax::EXPLICIT_LE, "Explicit VR Little Endian"),
    (syntax::DEFLATED_LE, "Deflated Explicit VR Little Endian"),
    (syntax::EXPLICIT_BE, "Explicit VR Big Endian (retired)"),
    (syntax::JPEG_BASELINE, "JPEG Baseline (Process 1)"),
    (syntax::JPEG_EXTENDED, "JPEG Extended (Process 2 and 4)"),
    (syntax::JPEG_LOSSLESS, "JPEG Lossless, Non-Hierarchical (Process 14)"),
    (syntax::JPEG_LOSSLESS_SV1, "JPEG Lossless, Non-Hierarchical, First-Order Prediction"),
    (syntax::JPEG_LS_LOSSLESS, "JPEG-LS Lossless"),
    (syntax::JPEG_LS_NEAR, "JPEG-LS Lossy (Near-Lossless)"),
    (syntax::JPEG_2000_LOSSLESS, "JPEG 2000 (Lossless Only)"),
    (syntax::JPEG_2000, "JPEG 2000"),
    (syntax::HTJ2K_LOSSLESS, "High-Throughput JPEG 2000 (Lossless Only)"),
    (syntax::HTJ2K_LOSSLESS_RPCL, "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)"),
    (syntax::HTJ2K, "High-Throughput JPEG 2000"),
    (syntax::RLE_LOSSLESS, "RLE Lossless"),
];

pub(super) fn named(names: &[(&'static str, &'static str)], uid: &str) -> &'static str {
    names.iter().find(|(found, _)| *found == uid).map_or("not named", |(_, name)| name)
}

/// A syntax's name and UID.
pub(super) fn syntax_named(uid: &str) -> String {
    format!("{} ({})", named(&SYNTAX_NAMES, uid), code(uid))
}

/// Rows of the overview.
pub(super) fn classes_in_brief() -> String {
    let rows =
        sop_class::STORAGE.iter().map(|uid| format!("| {} | by `mamoru send` | yes |\n", named(&CLASS_NAMES, uid)));
    rows.collect()
}

pub(super) fn section() -> String {
    [contexts(), association(), fates(), statuses(), durability()].join("\n")
}

fn contexts() -> String {
    let syntaxes = TRANSFER_SYNTAXES.iter().map(|uid| [named(&SYNTAX_NAMES, uid).to_owned(), code(uid)]);
    let verification = code(sop_class::VERIFICATION);
    format!(
        "## 3 Receiver (SCP)

### 3.1 Presentation contexts

Verification ({verification}) and each storage SOP class of section 3.3 are accepted with each of these transfer syntaxes. Of
those that a requestor proposes for one context, its first one that is listed here is taken. No extended negotiation, no SCU role,
no asynchronous operations. Other SOP classes are answered with result 3, other transfer syntaxes with result 4.

{}",
        table(["transfer syntax", "UID"], syntaxes)
    )
}

fn association() -> String {
    let ReceiverConfig {
        associations_max,
        associations_per_peer_max,
        pdu_bytes_max,
        artim_timeout_ms,
        idle_timeout_ms,
        instance_timeout_ms,
        rate_bytes_per_second_min,
        rate_grace_ms,
        ..
    } = ReceiverConfig::default();
    format!(
        "### 3.2 Associations

Application context `1.2.840.10008.3.1.1.1`. Figures are the defaults; section 14 names their keys.

| matter | what is done |
| --- | --- |
| PDU length | up to {pdu_bytes_max} bytes are received; a requestor that takes less than 1024 is aborted |
| associations at the same time | {associations_max}, {associations_per_peer_max} of one address; beyond, rejected with 2/3/2 (transient, local limit exceeded) |
| called AE title is another one | rejected with 1/1/7 (permanent) |
| calling AE title is not allowed | rejected with 1/1/3 (permanent) |
| address is not allowed | the connection is closed |
| A-ASSOCIATE-RQ not complete in {artim_timeout_ms} ms | the connection is closed |
| silence of {idle_timeout_ms} ms, or one instance longer than {instance_timeout_ms} ms | A-ABORT, source 2, reason 0 |
| data set slower than {rate_bytes_per_second_min} bytes per second, after {rate_grace_ms} ms | A-ABORT, source 2, reason 0 |
| PDU of an unknown type | A-ABORT, source 2, reason 1 |
| PDU out of turn, command and data interleaved, context not accepted | A-ABORT, source 2, reason 2 |
| not a valid command set, PDU or context id, more than 128 contexts | A-ABORT, source 2, reason 6 |

What was answered with success before an association ended, however it ended, stands.
"
    )
}

fn fates() -> String {
    let rows = sop_class::STORAGE.iter().map(|uid| [named(&CLASS_NAMES, uid).to_owned(), code(uid), fate(uid)]);
    format!(
        "### 3.3 Storage SOP classes

Level 2 (Full) is not claimed: attributes are read for scoring, and the files are removed after the time of retention. What is not
scored is accepted and listed in the results all the same, because a refusal makes modalities retry or abort a whole job.

{}",
        table(["SOP class", "UID", "what becomes of its instances"], rows)
    )
}

/// What the rules say of an otherwise sound instance of a class.
fn fate(class: &str) -> String {
    let judged = |accept_secondary_capture| {
        let policy = EligibilityPolicy { accept_secondary_capture, ..EligibilityPolicy::default() };
        judge(&sound(class, None), &policy, None)
    };
    match (judged(false), judged(true)) {
        (Eligibility::Score { .. }, _) => "scored, if it is eligible (section 8)".into(),
        (Eligibility::Exclude(_), Eligibility::Score { .. }) => {
            "kept and listed; scored, if it is eligible, where `eligibility.accept_secondary_capture` is set".into()
        }
        (Eligibility::Exclude(reason), _) if reason.is_document() => document(class),
        (Eligibility::Exclude(reason), _) => {
            format!("kept and listed, never scored: {} ({})", name(reason), reason.text())
        }
    }
}

fn document(class: &str) -> String {
    let is_note = |title: &&str| {
        let title = CodedConcept { value: (*title).into(), scheme: "DCM".into() };
        judge(&sound(class, Some(title)), &EligibilityPolicy::default(), None)
            == Eligibility::Exclude(ExclusionReason::RejectionNote)
    };
    let titles: Vec<&str> = REJECTION_TITLES.into_iter().filter(is_note).collect();
    format!(
        "read; with the title {} (DCM) a rejection note: the images that it names are not scored, and a result that was given is \
         revised. With another title kept without effect",
        titles.join(", ")
    )
}

/// A header without a fault.
fn sound(class: &str, title: Option<CodedConcept>) -> InstanceAttributes {
    InstanceAttributes {
        sop_class: Uid::parse(class).ok(),
        modality: Some("MG".into()),
        image_laterality: Some("R".into()),
        view_position: Some("CC".into()),
        photometric: Some("MONOCHROME2".into()),
        rows: Some(4096),
        columns: Some(3328),
        bits_stored: Some(12),
        has_pixel_data: true,
        key_objects: title.map(|title| KeyObjects { title: Some(title), ..KeyObjects::default() }),
        ..InstanceAttributes::default()
    }
}

fn statuses() -> String {
    let rows = [
        (
            Status::SUCCESS,
            "success",
            "the instance is on disk and in the queue, or was there before with the same bytes",
            "nothing more; what it does with its own copy is for an archive to say",
        ),
        (
            Status::OUT_OF_RESOURCES,
            "refused: out of resources",
            "the disk is nearly full or failed, or the instance is larger than `receiver.instance_bytes_max`",
            "keep it and send it again later",
        ),
        (
            Status::DATA_SET_MISMATCH,
            "error: data set does not match SOP class",
            "UIDs differ from the command's, pixel data does not fit header or transfer syntax, or the SOP Instance UID belongs \
             to other bytes that were received before",
            "do not send it again as it is",
        ),
        (
            Status::CANNOT_UNDERSTAND,
            "error: cannot understand",
            "empty, cut, damaged, or beyond the limits of nesting and length",
            "do not send it again as it is",
        ),
        (
            Status::PROCESSING_FAILURE,
            "processing failure",
            "a fault of Mamoru itself",
            "keep it and send it again later",
        ),
        (
            Status::SOP_CLASS_NOT_SUPPORTED,
            "refused: SOP class not supported",
            "the SOP class is not that of the presentation context",
            "do not send it again as it is",
        ),
        (
            Status::UNRECOGNIZED_OPERATION,
            "unrecognized operation",
            "a service that is not offered, or that is switched off",
            "do not ask again",
        ),
    ];
    let rows =
        rows.map(|(status, meaning, when, sender)| [status.to_string(), meaning.into(), when.into(), sender.into()]);
    format!(
        "### 3.4 Status codes of responses

C-ECHO is answered with 0000. What is refused with A900 or C000 is kept in a quarantine of limited size for inspection.

{}",
        table(["status", "meaning", "when", "what the sender should do"], rows)
    )
}

fn durability() -> String {
    "### 3.5 What success means

The data set is stored as it came, bit by bit, without coercion of attributes. Before the status 0000 its file, its name and its
entry in the queue are synced to the disk: a crash or power cut afterwards does not lose it. The same instance again is answered
with success and stored once. It is kept at least until its study is reported and all results are delivered, and then for the
time of retention; Mamoru is no archive.
"
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_scored_and_what_is_not_follows_the_rules() {
        let fates: Vec<String> = sop_class::STORAGE.iter().map(|uid| fate(uid)).collect();
        assert!(fates[0].starts_with("scored"), "{fates:?}");
        assert!(fates[1].contains("`for_processing`"), "{fates:?}");
        assert_eq!(fates.iter().filter(|fate| fate.starts_with("scored")).count(), 2, "{fates:?}");
        assert!(fates.iter().any(|fate| fate.contains("113001, 113037, 113038")), "{fates:?}");
    }
}
