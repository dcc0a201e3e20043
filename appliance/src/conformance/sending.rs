//! The forwarder and the commands as SCU.

use contract::transfer_syntax as syntax;
use dimse::Status;
use domain::Attempt;
use forwarder::judge_store;
use scu::Timeouts;

use super::receiving::syntax_named;
use super::table::table;

/// Statuses that destinations answer with (PS3.4 table B.2-1, PS3.7 annex C).
const STATUS_NAMES: [(u16, &str); 10] = [
    (0x0000, "success"),
    (0xB000, "warnings (Bxxx)"),
    (0x0111, "duplicate SOP instance"),
    (0x0118, "no such SOP class"),
    (0x0122, "SOP class not supported"),
    (0x0124, "not authorised"),
    (0xA900, "data set does not match (A8xx, A9xx)"),
    (0xC000, "cannot understand (Cxxx)"),
    (0xA700, "out of resources (A7xx)"),
    (0x0110, "processing failure, and any other"),
];

/// What is done after a try.
fn fate(attempt: &Attempt) -> String {
    match attempt {
        Attempt::Delivered | Attempt::Stored => "delivered; with `commitment = \"required\"`, taken (section 5)",
        Attempt::Failed { .. } => "tried again, after waits that grow; parked after `retry.attempts_max` tries",
        Attempt::Refused { .. } => "parked: a person is asked; `mamoru queue retry` tries again",
        Attempt::NotAccepted { .. } | Attempt::Replaced { .. } => {
            "the next kind of the entry in `objects` goes instead; without one, parked"
        }
    }
    .to_owned()
}

pub(super) fn section() -> String {
    let Timeouts { connect_ms, send_ms, response_ms } = Timeouts::default();
    let (explicit, implicit) = (syntax_named(syntax::EXPLICIT_LE), syntax_named(syntax::IMPLICIT_LE));
    let statuses = [0x0000, 0xB000, 0x0111, 0x0118, 0x0122, 0x0124, 0xA900, 0xC000, 0xA700, 0x0110].map(|status| {
        let status = Status(status);
        [
            format!(
                "{status} {}",
                STATUS_NAMES.iter().find(|name| name.0 == status.0).map_or("not named", |name| name.1)
            ),
            fate(&judge_store(status)),
        ]
    });
    let others = [
        ["SOP class or transfer syntax not accepted".to_owned(), fate(&Attempt::NotAccepted { why: String::new() })],
        ["no connection, no association, no response, abort".to_owned(), fate(&Attempt::Failed { why: String::new() })],
    ];
    let answers = table(["answer of the destination", "what is done"], statuses.into_iter().chain(others));
    format!(
        "## 4 Forwarder (SCU)

For each result object and destination one association is opened, with our AE title or the destination's `calling_ae`. It proposes
the object's SOP class (section 7), in one presentation context per transfer syntax: {explicit}, in which it is stored, and
{implicit}, into which it is converted where the destination takes nothing else. Verification is proposed beside it. No extended
negotiation; no asynchronous operations. PDUs are sent up to the length that the destination takes, and at most 131072 bytes.

Defaults: {connect_ms} ms for the connection and the association, {send_ms} ms for a PDU to leave, {response_ms} ms for a
response. Objects of one study go to one destination in their order.

{answers}
Nothing that waits or is parked is removed. After an error an association is never used again. A repeated object has the same
SOP Instance UID and the same bytes.

`mamoru send` proposes the SOP classes of the files that it sends, each with the transfer syntax of the file and, for uncompressed
files, the two above. `mamoru echo` proposes Verification.
"
    )
}
