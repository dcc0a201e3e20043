//! A device with TLS, and peers that speak it.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use domain::AeTitle;
use receiver::{Listen, ReceiverConfig, TlsConfig};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use secure_transport::{ClientCertificate, Requestor, RequestorFiles};
use tempfile::TempDir;

use super::authority::{Authority, Pair, Subject};
use super::peer::{Peer, set_up};
use super::{Device, Reply};

/// A peer's connection.
pub type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Two authorities, and the files of the device.
pub struct World {
    pub folder: TempDir,
    pub ours: Authority,
    pub others: Authority,
    pub config: TlsConfig,
}

impl World {
    pub fn new(asked: ClientCertificate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ours, others) = (Authority::new("ours"), Authority::new("others"));
        let (certificate, key) = ours.issue(&Subject::default()).write(folder.path(), "device");
        let config = TlsConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificate,
            key,
            client_ca: Some(ours.write(folder.path(), "ca.pem")),
            client_certificate: asked,
            ae_certificates: [].into(),
        };
        Self { folder, ours, others, config }
    }

    /// A device with both listeners, changed by `change`.
    pub fn device(&self, change: impl FnOnce(&mut ReceiverConfig)) -> Device {
        Device::new(|config| {
            config.tls = Some(self.config.clone());
            change(config);
        })
    }

    /// A device that listens for TLS alone.
    pub fn device_of_tls_alone(&self) -> Device {
        self.device(|config| config.listen = Listen::Off)
    }

    /// A certificate of ours for a unit.
    pub fn unit(&self, name: &'static str) -> Pair {
        self.ours.issue(&Subject { common_names: vec![name], ..Subject::default() })
    }

    /// Files of a unit that trusts `authority` and shows `pair`.
    pub fn files(&self, authority: &Authority, pair: Option<&Pair>) -> RequestorFiles {
        let name = format!("unit-{}", next_number());
        let (certificate, key) = pair.map(|pair| pair.write(self.folder.path(), &name)).unzip();
        let ca: PathBuf = authority.write(self.folder.path(), &format!("{name}-ca.pem"));
        RequestorFiles { ca, certificate, key, server_name: None }
    }

    /// Our own client as a unit.
    pub fn peer(&self, device: &Device, pair: Option<&Pair>) -> scu::Peer {
        self.peer_at(device.tls_address.unwrap(), self.files(&self.ours, pair))
    }

    pub fn peer_at(&self, address: SocketAddr, files: RequestorFiles) -> scu::Peer {
        let title = |text| AeTitle::parse(text).unwrap();
        let tls = Some(Requestor::new(files));
        scu::Peer { address: address.to_string(), called_ae: title("MAMORU"), calling_ae: title("UNIT"), tls }
    }

    /// A unit that says what it wants, after its handshake in `version`.
    pub fn raw(
        &self,
        device: &Device,
        pair: Option<&Pair>,
        version: &'static SupportedProtocolVersion,
    ) -> Peer<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ours.der()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match pair {
            Some(pair) => builder.with_client_auth_cert(vec![pair.certificate.clone()], pair.key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let stream = TcpStream::connect(device.tls_address.unwrap()).unwrap();
        set_up(&stream);
        Peer::on(StreamOwned::new(connection, stream))
    }
}

/// Another number each time.
fn next_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// C-ECHO on an association of our own client.
pub fn echo(device: &Device, peer: &scu::Peer) -> Result<(), scu::ScuError> {
    device.block_on(async {
        let mut association = scu::Association::request(peer, &[], scu::Timeouts::default()).await?;
        assert!(association.echo().await?.is_success());
        association.release().await
    })
}

/// Was the association rejected because its calling AE title is not recognised?
pub fn is_of_another(reply: &Reply) -> bool {
    *reply == Reply::Rejected([1, 1, 3])
}
