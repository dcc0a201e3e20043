//! What files hold, for a technician who asks before a peer does. Nothing is kept, and nothing secret is given away.

use std::path::Path;

use rustls::sign::CertifiedKey;

use crate::acceptor::facts_of;
use crate::certificate::CertificateFacts;
use crate::files::{self, FileFault};
use crate::provider;

/// How long the certificate in `certificate` (PEM, with those between it and its authority) is valid, after it was seen that the
/// private key in `key` (PEM) can be used and belongs to it; `None` when it does not say so in a way that can be read. Blocks.
///
/// # Errors
/// [`FileFault`].
pub fn inspect_pair(certificate: &Path, key: &Path) -> Result<Option<CertificateFacts>, FileFault> {
    let chain = files::certificates(certificate)?;
    let facts = facts_of(&chain);
    CertifiedKey::from_der(chain, files::key(key)?, &provider())
        .map_err(|error| FileFault::of_pair(key, certificate, &error))?;
    Ok(facts)
}

/// How long the authority in `file` (PEM) that lasts longest is valid; `None` when none says so in a way that can be read.
/// Blocks.
///
/// # Errors
/// [`FileFault`].
pub fn inspect_authorities(file: &Path) -> Result<Option<CertificateFacts>, FileFault> {
    files::authorities(file)?;
    let facts = files::certificates(file)?;
    Ok(facts.iter().filter_map(CertificateFacts::of).max_by_key(|facts| facts.not_after))
}
