//! The side that is connected to.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};

use crate::certificate::{CertificateFacts, Identity};
use crate::config::{AcceptorFiles, ClientCertificate};
use crate::files::{self, FileFault};
use crate::watched::{CHECK_EVERY, Content, Watched};
use crate::{VERSIONS, provider};

/// TLS of an association acceptor.
#[derive(Debug)]
pub struct Acceptor {
    files: AcceptorFiles,
    watched: Watched<Settings>,
}

#[derive(Debug)]
struct Settings {
    provider: Arc<CryptoProvider>,
    key: Arc<CertifiedKey>,
    /// `None`: peers are not asked.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    facts: Option<CertificateFacts>,
}

/// The settings of one handshake, and what came of it.
#[derive(Debug)]
pub struct Handshake {
    /// For this handshake alone.
    pub config: Arc<ServerConfig>,
    peer: Arc<OnceLock<Identity>>,
}

impl Handshake {
    /// The certificate that the peer showed. Only after the handshake it is certain that it also has the key; `None` when it
    /// showed none.
    #[must_use]
    pub fn peer(&self) -> Option<&Identity> {
        self.peer.get()
    }
}

impl Acceptor {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// [`FileFault`]. A certificate that has expired is none: it is warned about, and peers will say so.
    pub fn open(files: AcceptorFiles) -> Result<Self, FileFault> {
        Self::open_checking(files, CHECK_EVERY)
    }

    /// As [`Acceptor::open`], and the files are looked at again every so often.
    ///
    /// # Errors
    /// [`FileFault`].
    pub fn open_checking(files: AcceptorFiles, every: Duration) -> Result<Self, FileFault> {
        files.check()?;
        let paths = [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()];
        let paths: Vec<PathBuf> = paths.into_iter().flatten().cloned().collect();
        let acceptor = Self { files, watched: Watched::new(paths, every) };
        acceptor.settings()?;
        Ok(acceptor)
    }

    /// Settings for the next handshake, from the files as they are now. Blocks.
    ///
    /// # Errors
    /// [`FileFault`], and never once [`Acceptor::open`] succeeded: files that cannot be used any more change nothing.
    pub fn handshake(&self) -> Result<Handshake, FileFault> {
        let settings = self.settings()?;
        let peer = Arc::new(OnceLock::new());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&settings.provider))
            .with_protocol_versions(&VERSIONS)
            .map_err(|error| FileFault::of_pair(&self.files.key, &self.files.certificate, &error))?;
        let builder = match &settings.verifier {
            None => builder.with_no_client_auth(),
            Some(verifier) => {
                let verifier = Recorder { verifier: Arc::clone(verifier), peer: Arc::clone(&peer) };
                builder.with_client_cert_verifier(Arc::new(verifier))
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&settings.key))));
        // A resumed session would show no certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Handshake { config: Arc::new(config), peer })
    }

    /// How long our certificate is valid; `None` when it does not say so in a way that can be read. Blocks.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateFacts> {
        self.settings().ok()?.facts
    }

    fn settings(&self) -> Result<Arc<Settings>, FileFault> {
        self.watched.content(|| load(&self.files))
    }
}

fn load(files: &AcceptorFiles) -> Result<Settings, FileFault> {
    let provider = provider();
    let chain = files::certificates(&files.certificate)?;
    let facts = facts_of(&chain);
    let key = CertifiedKey::from_der(chain, files::key(&files.key)?, &provider)
        .map_err(|error| FileFault::of_pair(&files.key, &files.certificate, &error))?;
    let verifier = match (&files.client_ca, files.client_certificate) {
        (_, ClientCertificate::None) | (None, _) => None,
        (Some(path), asked) => {
            let authorities = Arc::new(files::authorities(path)?);
            let builder = WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(&provider));
            let builder = if asked == ClientCertificate::Optional { builder.allow_unauthenticated() } else { builder };
            Some(builder.build().map_err(|_| FileFault::NoAuthority(path.clone()))?)
        }
    };
    Ok(Settings { provider, key: Arc::new(key), verifier, facts })
}

/// The validity that all of a chain have in common.
pub(crate) fn facts_of(chain: &[CertificateDer<'_>]) -> Option<CertificateFacts> {
    chain.iter().map(CertificateFacts::of).reduce(|one, other| {
        let (one, other) = (one?, other?);
        Some(CertificateFacts {
            not_before: one.not_before.max(other.not_before),
            not_after: one.not_after.min(other.not_after),
        })
    })?
}

impl Content for Settings {
    fn warning(&self, at: SystemTime) -> Option<String> {
        self.facts?.warning(at)
    }
}

/// Verifies as another does, and keeps whom it verified: who asks for an association is judged by it.
#[derive(Debug)]
struct Recorder {
    verifier: Arc<dyn ClientCertVerifier>,
    peer: Arc<OnceLock<Identity>>,
}

impl ClientCertVerifier for Recorder {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier.verify_client_cert(end_entity, intermediates, now)?;
        // There is one certificate in a handshake: a second one would not be kept, and the first one counts.
        let _ = self.peer.set(Identity::of(end_entity));
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
