//! The side that connects.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;
use rustls::client::Resumption;

use crate::acceptor::facts_of;
use crate::certificate::CertificateFacts;
use crate::config::RequestorFiles;
use crate::files::{self, FileFault};
use crate::watched::{CHECK_EVERY, Content, Watched};
use crate::{VERSIONS, provider};

/// TLS of an association requestor. Clones share what was read.
#[derive(Debug, Clone)]
pub struct Requestor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: RequestorFiles,
    watched: Watched<Settings>,
}

#[derive(Debug)]
struct Settings {
    config: Arc<ClientConfig>,
    facts: Option<CertificateFacts>,
}

impl Requestor {
    /// With these files, which are read when they are needed for the first time.
    #[must_use]
    pub fn new(files: RequestorFiles) -> Self {
        Self::checking(files, CHECK_EVERY)
    }

    /// As [`Requestor::new`], and the files are looked at again every so often.
    #[must_use]
    pub fn checking(files: RequestorFiles, every: Duration) -> Self {
        let paths = [Some(&files.ca), files.certificate.as_ref(), files.key.as_ref()];
        let paths: Vec<PathBuf> = paths.into_iter().flatten().cloned().collect();
        Self(Arc::new(Inner { files, watched: Watched::new(paths, every) }))
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &RequestorFiles {
        &self.0.files
    }

    /// Settings for the next handshake, from the files as they are now. Blocks.
    ///
    /// # Errors
    /// [`FileFault`], as long as the files could never be used; once they could, new ones that cannot change nothing.
    pub fn config(&self) -> Result<Arc<ClientConfig>, FileFault> {
        Ok(Arc::clone(&self.settings()?.config))
    }

    /// How long our certificate is valid; `None` when there is none, or it cannot be read. Blocks.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateFacts> {
        self.settings().ok()?.facts
    }

    fn settings(&self) -> Result<Arc<Settings>, FileFault> {
        self.0.watched.content(|| load(&self.0.files))
    }
}

/// Those with the same files.
impl PartialEq for Requestor {
    fn eq(&self, other: &Self) -> bool {
        self.0.files == other.0.files
    }
}

impl Eq for Requestor {}

fn load(files: &RequestorFiles) -> Result<Settings, FileFault> {
    files.check()?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&VERSIONS)
        .map_err(|_| FileFault::NoAuthority(files.ca.clone()))?
        .with_root_certificates(files::authorities(&files.ca)?);
    let (mut config, facts) = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let chain = files::certificates(certificate)?;
            let facts = facts_of(&chain);
            let config = builder
                .with_client_auth_cert(chain, files::key(key)?)
                .map_err(|error| FileFault::of_pair(key, certificate, &error))?;
            (config, facts)
        }
        _ => (builder.with_no_client_auth(), None),
    };
    // Every association shows its certificates.
    config.resumption = Resumption::disabled();
    Ok(Settings { config: Arc::new(config), facts })
}

impl Content for Settings {
    fn warning(&self, at: SystemTime) -> Option<String> {
        self.facts?.warning(at)
    }
}
