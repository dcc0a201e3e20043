//! Handshakes in memory, and peers that are not ours.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
};
use secure_transport::TlsFault;

use crate::authority::{Authority, Pair};

/// What both sides make of a handshake: the side that is connected to first.
pub type Outcome = (Result<(), TlsFault>, Result<(), TlsFault>);

/// A whole handshake.
pub fn shake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, name: &str) -> Outcome {
    let mut server = Connection::from(ServerConnection::new(Arc::clone(server)).unwrap());
    let name = name.to_owned().try_into().unwrap();
    let mut client = Connection::from(ClientConnection::new(Arc::clone(client), name).unwrap());
    let mut results = (Ok(()), Ok(()));
    loop {
        let moved = [give(&mut client, &mut server, &mut results.0), give(&mut server, &mut client, &mut results.1)];
        if moved == [false, false] {
            break;
        }
    }
    if results == (Ok(()), Ok(())) {
        assert!(!server.is_handshaking() && !client.is_handshaking());
    }
    results
}

/// Moves what `from` has to say, also after its end; was there anything?
fn give(from: &mut Connection, to: &mut Connection, result: &mut Result<(), TlsFault>) -> bool {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut rest = &bytes[..];
    while !rest.is_empty() && result.is_ok() {
        to.read_tls(&mut rest).unwrap();
        if let Err(error) = to.process_new_packets() {
            *result = Err(TlsFault::find(&error).unwrap());
        }
    }
    !bytes.is_empty()
}

fn roots(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    roots
}

/// Another's client.
pub fn client(
    trusted: &Authority,
    own: Option<&Pair>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots(trusted));
    Arc::new(match own {
        Some(pair) => builder.with_client_auth_cert(vec![pair.certificate.clone()], pair.key()).unwrap(),
        None => builder.with_no_client_auth(),
    })
}

/// Another's server, which asks for certificates of `trusted` if there is one.
pub fn server(
    own: &Pair,
    trusted: Option<&Authority>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let provider = Arc::new(default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[version]).unwrap();
    let builder = match trusted {
        Some(authority) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authority)), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    Arc::new(builder.with_single_cert(vec![own.certificate.clone()], own.key()).unwrap())
}
