//! From a connection to an association: what the peer speaks, its TLS handshake, who it is, and what it may do here.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use dicom_ul::association::Error;
use dicom_ul::association::server::{AccessControl, Negotiation, ServerAssociationOptions};
use dicom_ul::pdu::{AssociationRJServiceUserReason, RequestorRoles, UserIdentity};
use dimse::sop_class;
use domain::AeTitle;
use secure_transport::{Acceptor, Handshake, NO_TLS_HERE, TLS_FIRST_BYTE, TlsFault};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::association::{Fault, TRANSFER_SYNTAXES};
use crate::transfer::after;
use crate::wire::Association;
use crate::{ReceiverConfig, farewell};

/// Who may have an association.
struct Access<'a> {
    config: &'a ReceiverConfig,
    handshake: Option<&'a Handshake>,
    /// Set when the calling AE title is another's.
    refused: &'a Mutex<Option<Fault>>,
}

impl Access<'_> {
    /// Is the calling AE title bound to certificates, and did the peer show none of them?
    fn is_bound_to_another(&self, calling: &AeTitle) -> bool {
        let bound = self.config.tls.as_ref().and_then(|tls| tls.ae_certificates.get(calling));
        let Some(expected) = bound else { return false };
        let peer = self.handshake.and_then(Handshake::peer);
        if peer.is_some_and(|peer| expected.iter().any(|expected| expected.is(peer))) {
            return false;
        }
        let shown = peer.map_or_else(|| "no certificate".into(), |peer| format!("the certificate {peer}"));
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Fault::OtherCertificate(shown));
        true
    }
}

impl AccessControl for Access<'_> {
    fn check_access(
        &self,
        this_ae_title: &str,
        calling_ae_title: &str,
        called_ae_title: &str,
        _user_identity: Option<&UserIdentity>,
    ) -> Result<(), AssociationRJServiceUserReason> {
        if self.config.called_ae_checked && called_ae_title.trim() != this_ae_title.trim() {
            return Err(AssociationRJServiceUserReason::CalledAETitleNotRecognized);
        }
        let refused = Err(AssociationRJServiceUserReason::CallingAETitleNotRecognized);
        let Ok(calling) = AeTitle::parse(calling_ae_title) else { return refused };
        let allowed = &self.config.calling_ae_allowed;
        if !(allowed.is_empty() || allowed.contains(&calling)) || self.is_bound_to_another(&calling) {
            return refused;
        }
        Ok(())
    }
}

/// Which roles a requestor may have in storage commitment: it may always report to us, and ask us only where we answer.
struct Roles {
    commitment_answered: bool,
}

impl Negotiation for Roles {
    fn negotiate_roles(&self, sop_class_uid: &str, scu_role: bool, scp_role: bool) -> Option<RequestorRoles> {
        let roles = RequestorRoles { scu: scu_role && self.commitment_answered, scp: scp_role };
        (sop_class_uid.trim_end_matches('\0') == sop_class::STORAGE_COMMITMENT).then_some(roles)
    }
}

/// An association on `stream`, over TLS where there is an acceptor. All of it, the handshake too, is under the ARTIM timeout.
pub(crate) async fn negotiate(
    stream: TcpStream,
    acceptor: Option<&Arc<Acceptor>>,
    config: &ReceiverConfig,
) -> Result<Association, Fault> {
    // Answers are small and awaited: without this each one may wait for the peer's delayed acknowledgement.
    stream.set_nodelay(true).map_err(|_| Fault::Connection)?;
    let deadline = after(Instant::now(), config.artim_timeout_ms);
    let establish = async {
        match acceptor {
            Some(acceptor) => establish_tls(stream, acceptor, config).await,
            None => establish_plain(stream, config).await,
        }
    };
    timeout_at(deadline, establish).await.map_err(|_| Fault::Artim)?
}

async fn establish_plain(mut stream: TcpStream, config: &ReceiverConfig) -> Result<Association, Fault> {
    if first_byte(&stream).await == Some(TLS_FIRST_BYTE) {
        farewell::say(&mut stream, &NO_TLS_HERE).await;
        return Err(Fault::Tls(TlsFault::TlsOnPlainPort));
    }
    let refused = Mutex::new(None);
    let options = options(config, Access { config, handshake: None, refused: &refused });
    let established = options.establish_async(stream).await;
    established
        .map(|plain| Association::Plain(Box::new(plain)))
        .map_err(|_| take(&refused).unwrap_or(Fault::Negotiation))
}

async fn establish_tls(
    mut stream: TcpStream,
    acceptor: &Arc<Acceptor>,
    config: &ReceiverConfig,
) -> Result<Association, Fault> {
    match first_byte(&stream).await {
        Some(TLS_FIRST_BYTE) => {}
        Some(farewell::A_ASSOCIATE_RQ) => {
            farewell::abort(&mut stream, 0).await;
            return Err(Fault::Tls(TlsFault::PlainDicom));
        }
        Some(_) => return Err(Fault::Tls(TlsFault::NotTls)),
        None => return Err(Fault::Tls(TlsFault::Ended)),
    }
    let acceptor = Arc::clone(acceptor);
    let handshake = tokio::task::spawn_blocking(move || acceptor.handshake()).await;
    let handshake = handshake.ok().and_then(Result::ok).ok_or(Fault::Certificates)?;
    // Another hold on the socket: what is unread when the last one closes takes the alert away again.
    let socket = stream.as_fd().try_clone_to_owned().map_err(|_| Fault::Connection)?;
    let refused = Mutex::new(None);
    let access = Access { config, handshake: Some(&handshake), refused: &refused };
    let options = options(config, access).tls_config(Arc::clone(&handshake.config));
    let error = match options.establish_tls_async(stream).await {
        Ok(association) => return Ok(Association::Tls(Box::new(association))),
        Err(error) => error,
    };
    // A socket that is broken has nobody to hear of it.
    if let Ok(mut stream) = again(socket) {
        farewell::close(&mut stream).await;
    }
    Err(take(&refused).unwrap_or_else(|| match (TlsFault::find(&error), error) {
        (Some(fault), _) => Fault::Tls(fault),
        (None, Error::TlsHandshake { .. }) => Fault::Tls(TlsFault::Ended),
        (None, _) => Fault::Negotiation,
    }))
}

fn again(socket: OwnedFd) -> std::io::Result<TcpStream> {
    TcpStream::from_std(std::net::TcpStream::from(socket))
}

fn take(refused: &Mutex<Option<Fault>>) -> Option<Fault> {
    refused.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What a peer says first, left unread; `None` when it says nothing more.
async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)).then_some(first[0])
}

fn options<'a>(config: &'a ReceiverConfig, access: Access<'a>) -> ServerAssociationOptions<'a, Access<'a>, Roles> {
    let mut options = ServerAssociationOptions::new()
        .ae_access_control(access)
        .ae_title(config.ae_title.as_str())
        .with_negotiation(Roles { commitment_answered: config.commitment_answered })
        .strict(true)
        .max_pdu_length(config.pdu_bytes_max)
        .with_abstract_syntax(sop_class::VERIFICATION)
        .with_abstract_syntax(sop_class::STORAGE_COMMITMENT);
    for class in sop_class::STORAGE {
        options = options.with_abstract_syntax(class);
    }
    for syntax in TRANSFER_SYNTAXES {
        options = options.with_transfer_syntax(syntax);
    }
    options
}
