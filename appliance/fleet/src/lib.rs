//! One box among many: an update server that rolls models out, and a broker on which the results of many boxes meet.
//!
//! [`ddi`] takes model bundles from an Eclipse hawkBit server. It downloads and reports; whether a bundle is good, and
//! which model runs, the [`ddi::Installer`] of the composition decides. [`mqtt`] sends the results of a
//! [`mqtt::Source`] to an MQTT broker.
//!
//! Both are clients: a hospital's firewall lets nothing in. Both block, each on a thread of its own, and end soon after
//! [`Stop::stop`]. Neither runs unless the site configures it. Secrets come from files that are their owner's alone.
//!
//! Never here: what a bundle is, the queue, the engines and the appliance's configuration.

mod address;
mod credential;
pub mod ddi;
mod fault;
pub mod mqtt;
mod pause;
mod record;
mod stop;
mod trust;

pub use address::AddressFault;
pub use credential::{CredentialFault, Secret};
pub use fault::Fault;
pub use record::{FileStore, Store};
pub use stop::Stop;
pub use trust::TrustFault;
