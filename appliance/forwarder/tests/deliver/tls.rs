//! Destinations over TLS.

use std::fs;
use std::path::Path;

use domain::RetryPolicy;
use forwarder::{CommitmentMode, DestinationConfig};
use receiver::{Listen, ReceiverConfig, TlsConfig};
use secure_transport::{ClientCertificate, RequestorFiles};

use crate::authority::{Authority, Subject};
use crate::fixture::{CAPTURE, Pacs, RETRY, Sender, to_pacs};

/// A storage SCP that takes TLS alone, and certificates of `authority` alone.
fn pacs(sender: &Sender, authority: &Authority, folder: &Path) -> Pacs {
    let (certificate, key) = authority.issue(&Subject::default()).write(folder, "pacs");
    let tls = TlsConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificate,
        key,
        client_ca: Some(authority.write(folder, "pacs-ca.pem")),
        client_certificate: ClientCertificate::Required,
        ae_certificates: [].into(),
    };
    let config = ReceiverConfig {
        listen: Listen::Off,
        ae_title: "PACS".into(),
        disk_free_bytes_min: 0,
        commitment_answered: true,
        tls: Some(tls),
        ..ReceiverConfig::default()
    };
    Pacs::start_with(&sender.runtime, &folder.join("pacs"), config)
}

/// The destination with a certificate of `authority` for us.
fn destination(pacs: &Pacs, authority: &Authority, folder: &Path) -> DestinationConfig {
    let (certificate, key) = authority.issue(&Subject::default()).write(folder, "us");
    let files = RequestorFiles {
        ca: authority.write(folder, "ca.pem"),
        certificate: Some(certificate),
        key: Some(key),
        server_name: None,
    };
    let retry = RetryPolicy { attempts_max: 1_000_000, ..RETRY };
    DestinationConfig { tls: Some(files), retry, ..to_pacs(pacs.address) }
}

#[test]
fn objects_are_delivered_and_committed_over_tls() {
    let (sender, authority) = (Sender::new(), Authority::new("hospital"));
    let folder = sender.folder.path();
    let pacs = pacs(&sender, &authority, folder);
    let deliveries = sender.report(1, 3, "pacs", CAPTURE);
    let config = DestinationConfig { commitment: CommitmentMode::Required, ..destination(&pacs, &authority, folder) };
    sender.forward(config);
    sender.wait_for("all are delivered", |counts| counts.deliveries_delivered == deliveries.len());
    assert_eq!(pacs.instances().len(), 3);
}

#[test]
fn certificates_that_are_wrong_delay_results_until_they_are_exchanged() {
    let (sender, authority, others) = (Sender::new(), Authority::new("hospital"), Authority::new("others"));
    let folder = sender.folder.path();
    let pacs = pacs(&sender, &authority, folder);
    sender.report(1, 1, "pacs", CAPTURE);
    let config = destination(&pacs, &authority, folder);
    let ca = config.tls.as_ref().unwrap().ca.clone();
    fs::remove_file(&ca).unwrap();
    sender.forward(config);
    let says = |what: &str, text: &str| {
        sender.wait_for(what, |_| {
            let deliveries = sender.deliveries();
            deliveries[0].last_error.as_ref().is_some_and(|error| error.contains(text))
        });
    };
    says("the file is missing", "ca.pem: entity not found");
    others.write(folder, "ca.pem");
    says("the authority is a wrong one", "signed by nobody who is trusted here");
    assert!(pacs.instances().is_empty(), "nothing went to who is not trusted");
    authority.write(folder, "ca.pem");
    sender.wait_for("it is delivered without a restart", |counts| counts.deliveries_delivered == 1);
}
