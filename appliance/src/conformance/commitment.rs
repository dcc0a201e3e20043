//! Storage commitment, in both roles.

use commitment::{BYTES_MAX, INSTANCES_MAX, reason};
use domain::Commitment;
use forwarder::{default_commitment_wait_ms, judge_commitment};

use super::table::table;

/// Failure reasons (PS3.4 section J.3.3).
const REASONS: [(u16, &str); 6] = [
    (reason::PROCESSING_FAILURE, "processing failure"),
    (reason::NO_SUCH_INSTANCE, "no such object instance"),
    (reason::RESOURCE_LIMITATION, "resource limitation"),
    (reason::CLASS_NOT_SUPPORTED, "referenced SOP class not supported"),
    (reason::CLASS_INSTANCE_CONFLICT, "class / instance conflict"),
    (reason::DUPLICATE_TRANSACTION, "duplicate transaction UID"),
];

pub(super) fn section() -> String {
    let rows =
        REASONS.map(|(reason, name)| [format!("{reason:04X} {name}"), fate(&judge_commitment(reason)).to_owned()]);
    let rows = rows.into_iter().chain([
        [
            "an object that the report does not mention".to_owned(),
            fate(&Commitment::Unknown { why: String::new() }).to_owned(),
        ],
        ["any other failure reason".to_owned(), fate(&judge_commitment(0xFFFF)).to_owned()],
    ]);
    let failures = table(["failure reason", "what is done"], rows);
    let (class, instance) = (dimse::sop_class::STORAGE_COMMITMENT, dimse::sop_class::STORAGE_COMMITMENT_INSTANCE);
    let wait_ms = default_commitment_wait_ms();
    format!(
        "## 5 Storage Commitment

Push Model (SOP Class `{class}`, SOP Instance `{instance}`), data sets in Implicit VR Little Endian, at most {INSTANCES_MAX}
instances and {BYTES_MAX} bytes each.

### 5.1 As SCU

For destinations with `commitment = \"required\"`. When the results of the moment are sent, one N-ACTION (type 1) asks about all that
the destination took, with a new Transaction UID. The N-EVENT-REPORT is taken on the same association, for three seconds, or later on
one that the destination opens to our receiver and in which it proposes the SCP role; the role is accepted. A report counts by its
Transaction UID, whoever sends it, and is answered with 0000 once it is recorded. Without a report the destination is asked again after
`commitment_wait_ms` ({wait_ms} by default). A result is delivered when it is committed, and not before.

{failures}
A destination that does not accept the SOP class, or answers N-ACTION with 0118, 0122, 0123 or 0211, has its results parked; with any
other failure status it is asked again.

### 5.2 As SCP

Off by default (`receiver.commitment_answered`): this is no archive. When it is on, N-ACTION (type 1) is answered with 0000, and the
N-EVENT-REPORT follows at once on the same association, or on one of ours to the address in `receiver.commitment_report_to` when
the requestor has left. Committed is an instance that is held with its file at that moment; any other is reported with failure reason
0112, or 0119 where the SOP class differs. Instances are kept until their results are final and delivered and
`retention.images_hours` have passed.
"
    )
}

const fn fate(said: &Commitment) -> &'static str {
    match said {
        Commitment::Asked { .. } => "not named",
        Commitment::Committed => "delivered",
        Commitment::Unknown { .. } => {
            "asked about again, after waits that grow; parked after `retry.attempts_max` tries"
        }
        Commitment::Missing { .. } => "sent again, after waits that grow; parked after `retry.attempts_max` tries",
        Commitment::Refused { .. } => "parked: a person is asked",
    }
}
