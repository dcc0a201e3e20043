//! Why a peer did not get what it should.

use dicom_ul::association::Error as UlError;
use secure_transport::TlsFault;
use thiserror::Error;

/// Why an association or a message failed. Repeats nothing that a peer sent.
#[derive(Debug, Error)]
pub enum ScuError {
    /// Nobody listens there, or the name is not known.
    #[error("cannot connect: {}", .0.kind())]
    Connect(std::io::Error),
    /// There is no TLS with the peer.
    #[error("TLS: {0}")]
    Tls(TlsFault),
    /// Our files for TLS are of no use; nobody was called.
    #[error("TLS files: {0}")]
    Certificates(String),
    /// The peer does not want this association.
    #[error("peer rejected the association ({0})")]
    Rejected(&'static str),
    /// The peer took none of what was proposed for the object.
    #[error("peer does not accept the object's SOP class or transfer syntax")]
    NotAccepted,
    /// The peer does not take part in storage commitment, or not in the role that it was asked for.
    #[error("peer does not accept storage commitment")]
    NoCommitment,
    /// There are more instances in one request than a peer can be asked about.
    #[error("storage commitment of none, or of more than 10,000 instances in one request")]
    TooManyInstances,
    /// A deadline passed.
    #[error("no answer in time while {0}")]
    Timeout(&'static str),
    /// The connection broke or the peer aborted.
    #[error("peer ended the association while {0}")]
    Ended(&'static str),
    /// The peer does not keep to the protocol.
    #[error("peer breaks the protocol: {0}")]
    Protocol(&'static str),
    /// The object's file is of no use.
    #[error("file {0}")]
    File(String),
    /// There are more kinds of objects than one association can name (PS3.8 section 9.3.2.2).
    #[error("objects of more than 128 SOP classes and transfer syntaxes in one association")]
    TooManyContexts,
}

impl ScuError {
    /// Is it the object's fault, so that trying again helps nobody before somebody has looked?
    #[must_use]
    pub const fn is_of_object(&self) -> bool {
        matches!(self, Self::NotAccepted | Self::File(_) | Self::TooManyContexts | Self::TooManyInstances)
    }

    pub(crate) fn establishing(error: UlError, is_over_tls: bool) -> Self {
        use dicom_ul::pdu::AssociationRJSource as Source;
        if let Some(fault) = TlsFault::find(&error) {
            return Self::Tls(fault);
        }
        match error {
            // dicom-ul says so of whatever is no answer. Over TLS 1.3 the peer looks at our certificate only now.
            UlError::TlsNotSupported if is_over_tls => Self::Ended(
                "asking for an association over TLS: it may want a certificate of ours, or not accept the one that it got",
            ),
            UlError::TlsNotSupported => Self::Ended("asking for an association (it may want TLS)"),
            UlError::InvalidServerName { .. } => {
                Self::Certificates("the host is no name that a certificate can be for: give `server_name`".into())
            }
            // So a handshake ends that the peer leaves.
            UlError::TlsHandshake { .. } => Self::Tls(TlsFault::Ended),
            UlError::Connect { source, .. } if is_over_tls && source.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Tls(TlsFault::Ended)
            }
            UlError::ToAddress { source, .. } | UlError::Connect { source, .. } => Self::Connect(source),
            UlError::Rejected { association_rj, .. } => Self::Rejected(match association_rj.source {
                Source::ServiceUser(reason) => user_reason(&reason),
                Source::ServiceProviderASCE(_) => "by its protocol layer",
                Source::ServiceProviderPresentation(_) => "it is busy",
            }),
            UlError::NoAcceptedPresentationContexts { .. } => Self::NotAccepted,
            UlError::Timeout { .. } => Self::Timeout("asking for an association"),
            UlError::UnexpectedPdu { .. } | UlError::UnknownPdu { .. } | UlError::ProtocolVersionMismatch { .. } => {
                Self::Protocol("answer to A-ASSOCIATE")
            }
            _ => Self::Ended("asking for an association"),
        }
    }
}

fn user_reason(reason: &dicom_ul::pdu::AssociationRJServiceUserReason) -> &'static str {
    use dicom_ul::pdu::AssociationRJServiceUserReason as Reason;
    match reason {
        Reason::CallingAETitleNotRecognized => "it does not know our AE title",
        Reason::CalledAETitleNotRecognized => "it has another AE title",
        Reason::ApplicationContextNameNotSupported => "it speaks another application context",
        _ => "without a reason",
    }
}
