//! C-STORE to a storage SCP.

use std::path::Path;

use dimse::Status;
use domain::Attempt;
use scu::{Association, Object, Peer, ScuError, Timeouts};

use crate::carrier::Outcome;

/// Sends the Part 10 file at `path` on an association of its own.
pub(crate) async fn deliver(peer: &Peer, timeouts: Timeouts, path: &Path) -> Outcome {
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || Object::open(&path)).await;
    let object = match opened {
        Ok(Ok(object)) => object,
        Ok(Err(error)) => return Outcome::Object(Attempt::Refused { why: error.to_string() }),
        Err(_) => return Outcome::Object(Attempt::Failed { why: "result file could not be read".into() }),
    };
    let mut association = match Association::request(peer, std::slice::from_ref(&object), timeouts).await {
        Ok(association) => association,
        Err(error) => return failure(&error),
    };
    match association.store(&object).await {
        Ok(status) => {
            // The answer stands; whether the peer also takes part in a tidy end changes nothing.
            let _ = association.release().await;
            Outcome::Object(judge(status))
        }
        Err(error) => {
            association.abort().await;
            failure(&error)
        }
    }
}

fn failure(error: &ScuError) -> Outcome {
    let why = error.to_string();
    match error {
        ScuError::NotAccepted => Outcome::Object(Attempt::NotAccepted { why }),
        error if error.is_of_object() => Outcome::Object(Attempt::Refused { why }),
        _ => Outcome::unreachable(why),
    }
}

/// What the status of a C-STORE response means for the delivery (PS3.4 table B.2-1): taken, to be tried again, another kind
/// instead, or never.
#[must_use]
pub fn judge(status: Status) -> Attempt {
    let why = format!("destination answered with status {status}");
    match status.0 {
        _ if status.is_success() => Attempt::Delivered,
        // Duplicate SOP instance: it has this object, because our UIDs are made from the content.
        0x0111 => Attempt::Delivered,
        // SOP class not supported, no such SOP class.
        0x0122 | 0x0118 => Attempt::NotAccepted { why },
        // Not authorised, data set does not match, cannot understand.
        0x0124 | 0xA800..=0xA9FF | 0xC000..=0xCFFF => Attempt::Refused { why },
        _ => Attempt::Failed { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        let kind = |status| match judge(Status(status)) {
            Attempt::Delivered => "delivered",
            Attempt::Failed { .. } => "again",
            Attempt::Refused { .. } => "never",
            Attempt::NotAccepted { .. } => "another kind",
            other => panic!("{other:?}"),
        };
        for (status, expected) in [
            (0, "delivered"),
            (0xB000, "delivered"),
            (0xB007, "delivered"),
            (0xA700, "again"),
            (0xA702, "again"),
            (0x0110, "again"),
            (0xA900, "never"),
            (0xC000, "never"),
            (0x0111, "delivered"),
            (0x0124, "never"),
            (0x0118, "another kind"),
            (0x0122, "another kind"),
        ] {
            assert_eq!(kind(status), expected, "{status:04X}");
        }
    }
}
