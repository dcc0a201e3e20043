//! An honest modality.

use std::net::SocketAddr;

use dimse::Status;
use domain::AeTitle;
use scu::{Association, Object, Peer, ScuError, Timeouts};

use crate::Instance;

/// How long the device may take to answer.
const TIMEOUTS: Timeouts = Timeouts { connect_ms: 20_000, send_ms: 20_000, response_ms: 60_000 };

/// What the sender knows of an instance afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Success: it is the device's from now on.
    Acknowledged,
    /// A failure status: it is the sender's still.
    Refused(Status),
    /// Nothing: it may be the device's or not, and the sender keeps it.
    None,
}

/// Sends `instances` on one association and gives the answer to each.
#[must_use]
pub fn send(device: SocketAddr, instances: &[Instance]) -> Vec<Answer> {
    let mut answers = Vec::new();
    send_each(device, instances, |_, answer| answers.push(answer));
    answers
}

/// Sends `instances` on one association; `answered` hears each answer as it comes. After a failure of the association
/// the rest is not sent, as a modality that tries later does it.
pub fn send_each(device: SocketAddr, instances: &[Instance], mut answered: impl FnMut(&Instance, Answer)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let objects: Vec<Object> = instances.iter().map(|instance| Object::open(&instance.file).unwrap()).collect();
        let mut association = Association::request(&peer(device), &objects, TIMEOUTS).await.ok();
        for (instance, object) in instances.iter().zip(&objects) {
            let answer = match &mut association {
                Some(open) => open.store(object).await,
                None => Err(ScuError::Ended("an earlier instance")),
            };
            match answer {
                Ok(status) if status.is_success() => answered(instance, Answer::Acknowledged),
                Ok(status) => answered(instance, Answer::Refused(status)),
                Err(_) => {
                    association = None;
                    answered(instance, Answer::None);
                }
            }
        }
        if let Some(association) = association {
            // What was answered before stands.
            let _ = association.release().await;
        }
    });
}

fn peer(device: SocketAddr) -> Peer {
    let title = |text| AeTitle::parse(text).unwrap();
    Peer::plain(device.to_string(), title("MAMORU"), title("UNIT"))
}

impl Answer {
    /// Are these all success?
    #[must_use]
    pub fn are_all_success(answers: &[Self]) -> bool {
        !answers.is_empty() && answers.iter().all(|answer| *answer == Self::Acknowledged)
    }
}
