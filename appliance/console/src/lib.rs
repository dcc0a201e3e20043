//! The technician's page and the machine interfaces of a device, over HTTPS. Research use only, not a medical device.
//!
//! This crate knows nothing of the queue or of an engine: what it shows goes through [`Device`], which the
//! composition root implements. One folder, the console's own, holds certificate and key, users and the audit file.

mod access;
mod api;
mod attempts;
mod audit;
mod certificate;
mod device;
mod error;
mod events;
mod files;
mod jobs;
mod metrics;
mod pages;
mod password;
mod roster;
mod routes;
mod server;
mod sessions;
mod text;
mod tokens;
mod upload;
mod users;

pub use device::{
    Answer, Band, Breast, Check, Delivery, DeliveryFilter, DeliveryState, Destination, Device, Family, Fault, Finding,
    Happening, Health, Histogram, Id, Image, ImageState, Kind, Laterality, Level, Listing, LogFilter, LogLine, Measure,
    Model, ModelChange, ModelRole, Models, Name, Overview, PNG_BYTES_MAX, Patient, Progress, Reading, Sample, SelfTest,
    Source, Study, StudyLine, StudyState, Verdict, VersionLine, View, Window,
};
pub use error::ConsoleError;
pub use roster::{new_password, user_roles};
pub use server::{Console, Limits, Settings};
pub use users::{Role, remove_user, set_user};

/// `N` random bytes from the operating system.
///
/// # Errors
/// [`ConsoleError::NoRandomness`].
fn random<const N: usize>() -> Result<[u8; N], ConsoleError> {
    let mut bytes = [0; N];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| ConsoleError::NoRandomness)?;
    Ok(bytes)
}

/// 256 random bits as 64 hexadecimal digits.
fn random_token() -> Result<String, ConsoleError> {
    Ok(random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len() && left.bytes().zip(right.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_256_bits_and_differ() {
        let (one, other) = (random_token().unwrap(), random_token().unwrap());
        assert_eq!(one.len(), 64);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
        assert!(same(&one, &one.clone()) && !same(&one, &other) && !same(&one, &one[1..]) && !same("", "a"));
    }
}
