//! The forwarder and the commands as SCU.

use contract::transfer_syntax as syntax;
use scu::Timeouts;

use super::receiving::syntax_named;

pub(super) fn section() -> String {
    let Timeouts { connect_ms, send_ms, response_ms } = Timeouts::default();
    let (explicit, implicit) = (syntax_named(syntax::EXPLICIT_LE), syntax_named(syntax::IMPLICIT_LE));
    format!(
        "## 4 Forwarder (SCU)

For each result object and destination one association is opened, with our AE title or the destination's `calling_ae`. It proposes
the object's SOP class (section 7), in one presentation context per transfer syntax: {explicit}, in which it is stored, and
{implicit}, into which it is converted where the destination takes nothing else. Verification is proposed beside it. No extended
negotiation; no asynchronous operations. PDUs are sent up to the length that the destination takes, and at most 131072 bytes.

Defaults: {connect_ms} ms for the connection and the association, {send_ms} ms for a PDU to leave, {response_ms} ms for a
response. Objects of one study go to one destination in their order.

| answer of the destination | what is done |
| --- | --- |
| 0000, or a warning (Bxxx) | delivered |
| 0118, 0122, 0124, A8xx, A9xx, Cxxx | parked: a person is asked; `mamoru queue retry` tries again |
| any other failure, for example A700 or 0110 | tried again, after waits that grow; parked after `retry.attempts_max` tries |
| no connection, no association, no response, abort | tried again, after waits that grow |
| SOP class or transfer syntax not accepted | parked |

Nothing that waits or is parked is removed. After an error an association is never used again. A repeated object has the same
SOP Instance UID and the same bytes.

`mamoru send` proposes the SOP classes of the files that it sends, each with the transfer syntax of the file and, for uncompressed
files, the two above. `mamoru echo` proposes Verification.
"
    )
}
