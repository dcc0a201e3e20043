//! Files that are wrong, and files that change.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::version::TLS13;
use secure_transport::{
    Acceptor, AcceptorFiles, ClientCertificate, FILE_BYTES_MAX, FileFault, Identity, Requestor, TlsFault,
};

use crate::authority::{Authority, Subject};
use crate::{World, memory};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn keys_that_others_can_read_or_change_are_refused() {
    let world = World::new();
    let files = world.acceptor_files(&world.ours.issue(&Subject::default()), ClientCertificate::Required);
    for (mode, is_good) in [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o660, false), (0o602, false)]
    {
        set_mode(&files.key, mode);
        let opened = Acceptor::open(files.clone());
        assert_eq!(opened.is_ok(), is_good, "{mode:o}");
        assert!(opened.is_ok() || matches!(opened, Err(FileFault::OpenKey(_))), "{mode:o}");
    }
}

#[test]
fn every_wrong_file_is_named_with_what_is_wrong() {
    let world = World::new();
    let pair = world.ours.issue(&Subject::default());
    let fresh = || world.acceptor_files(&pair, ClientCertificate::Required);
    let fault = |files: &AcceptorFiles| Acceptor::open(files.clone()).unwrap_err().to_string();
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).unwrap();
        set_mode(path, 0o600);
    };
    let junk = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let long = vec![b'a'; FILE_BYTES_MAX as usize + 1];
    let other_key = world.ours.issue(&Subject::default()).key_pem;
    for (content, why) in
        [(&b""[..], "holds no certificate"), (b"hello", "holds no certificate"), (junk, "holds"), (&long, "longer")]
    {
        let files = fresh();
        write(&files.certificate, content);
        let said = fault(&files);
        assert!(said.contains(why) && said.contains("acceptor.pem"), "{said}");
        let files = fresh();
        write(files.client_ca.as_ref().unwrap(), content);
        let said = fault(&files);
        assert!(said.contains("ca.pem"), "{said}");
    }
    for (content, why) in [
        (&b""[..], "holds no private key"),
        (encrypted, "holds no private key"),
        (&long, "longer"),
        (other_key.as_bytes(), "is not the private key of the certificate"),
    ] {
        let files = fresh();
        write(&files.key, content);
        let said = fault(&files);
        assert!(said.contains(why) && said.contains("acceptor.key"), "{said}");
    }
    let files = fresh();
    fs::remove_file(&files.key).unwrap();
    assert!(fault(&files).contains("entity not found"));
    fs::create_dir(&files.key).unwrap();
    assert!(fault(&files).contains("is no plain file"));
    fs::remove_dir(&files.key).unwrap();
    // A pipe that nobody writes to: it is not waited for.
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &files.key,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(fault(&files).contains("is no plain file"));
}

#[test]
fn a_requestor_says_what_is_wrong_each_time_until_it_is_right() {
    let world = World::new();
    let own = world.ours.issue(&Subject::default());
    let requestor = Requestor::checking(world.requestor_files(Some(&own)), Duration::ZERO);
    let key = requestor.files().key.clone().unwrap();
    set_mode(&key, 0o644);
    for _ in 0..2 {
        assert!(matches!(requestor.config(), Err(FileFault::OpenKey(_))));
    }
    set_mode(&key, 0o600);
    assert!(requestor.config().is_ok());
    set_mode(&key, 0o644);
    assert!(requestor.config().is_ok(), "what was right once stays in use");
}

#[test]
fn certificates_are_renewed_while_they_are_in_use() {
    let world = World::new();
    let first = world.ours.issue(&Subject::default());
    let files = world.acceptor_files(&first, ClientCertificate::Required);
    let acceptor = Acceptor::open_checking(files.clone(), Duration::ZERO).unwrap();
    let device = world.ours.issue(&Subject::default());
    let others_device = world.others.issue(&Subject::default());
    let of_others = memory::client(&world.others, Some(&others_device), &TLS13);
    let of_ours = memory::client(&world.ours, Some(&device), &TLS13);
    let shake = |client| memory::shake(&acceptor.handshake().unwrap().config, client, "localhost");
    assert_eq!(shake(&of_ours), (Ok(()), Ok(())));
    // Half of the new pair: the old one stays, as long as it takes.
    let second = world.others.issue(&Subject { years: (2021, 2099), ..Subject::default() });
    fs::write(&files.certificate, &second.certificate_pem).unwrap();
    for _ in 0..3 {
        assert_eq!(shake(&of_ours), (Ok(()), Ok(())));
    }
    // The other half.
    second.write(world.folder.path(), "acceptor");
    assert_eq!(shake(&of_ours).1, Err(TlsFault::UnknownAuthority), "it shows the new one");
    // New authorities for peers.
    world.others.write(world.folder.path(), "ca.pem");
    assert_eq!(shake(&of_others), (Ok(()), Ok(())));
    assert_eq!(acceptor.certificate().unwrap().not_before, 1_609_459_200);
    fs::write(&files.certificate, "broken").unwrap();
    assert_eq!(shake(&of_others), (Ok(()), Ok(())), "broken: the second one stays");
    // One that begins before a renewal keeps what it began with.
    let begun = acceptor.handshake().unwrap();
    first.write(world.folder.path(), "acceptor");
    assert_eq!(memory::shake(&begun.config, &of_others, "localhost"), (Ok(()), Ok(())));
    assert_eq!(begun.peer(), Some(&Identity::of(&others_device.certificate)));
}

#[test]
fn clones_of_a_requestor_share_what_was_read() {
    let world = World::new();
    let requestor = Requestor::new(world.requestor_files(None));
    let clone = requestor.clone();
    assert!(Arc::ptr_eq(&requestor.config().unwrap(), &clone.config().unwrap()));
    assert_eq!(requestor, clone);
    let other = Authority::new("x");
    let mut files = world.requestor_files(None);
    files.ca = other.write(world.folder.path(), "other.pem");
    assert_ne!(requestor, Requestor::new(files));
}
