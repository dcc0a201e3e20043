//! Model bundles from an update server, by Eclipse hawkBit's Direct Device Integration API (DDI, version 1).
//!
//! ```text
//! poll -> config data wanted?   serial, versions, model, engine are sent
//!      -> confirmation wanted?  confirmed or denied, by what is offered and by the installer
//!      -> cancel?               done while nothing is being installed, otherwise rejected
//!      -> deployment            one .mbundle: Downloading -> Downloaded -> Installing -> Activating -> Trial -> Closing
//! ```
//!
//! Each stage is durable before it begins, in a record beside the device's other state. After a power cut the
//! [`Installer`] is asked where the bundle stands before anything is installed, so nothing is installed twice; and the end
//! of an action is told until the server has heard it. A bundle that was refused for what it is, or taken back, is
//! remembered by its digest, and not fetched again.
//!
//! The server is trusted with little: what it hands out counts only when the bundle's own signature holds, every answer is
//! bounded, its links are followed on its own origin alone, and the token goes nowhere else.
//!
//! Own code rather than the crate `hawkbit` 0.7.2, which brings aws-lc (a C and assembler build that this project does
//! without) and some 60 other crates through reqwest, has no limit on what it downloads, and holds sizes in 32 bits.

mod action;
mod agent;
mod config;
mod download;
mod installer;
mod plan;
mod protocol;
mod refused;
mod server;
mod state;

pub use agent::{Agent, StartFault, Turn};
pub use config::{ConfigFault, DdiConfig, TokenKind};
pub use installer::{Consent, Installer, Offer, Refusal, Standing, Urgency};
pub use refused::Refused;
