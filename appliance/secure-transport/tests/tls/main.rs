//! Both sides against peers of every kind, in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod authority;
mod files;
mod inspection;
mod memory;

use std::time::{Duration, SystemTime};

use authority::{Authority, Pair, Subject};
use rcgen::ExtendedKeyUsagePurpose as Usage;
use rustls::version::{TLS12, TLS13};
use secure_transport::{
    Acceptor, AcceptorFiles, ClientCertificate, ExpectedCertificate, Identity, Requestor, RequestorFiles, TlsFault,
};
use tempfile::TempDir;

/// Two authorities, and a folder for files.
pub struct World {
    pub folder: TempDir,
    pub ours: Authority,
    pub others: Authority,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, ours: Authority::new("our authority"), others: Authority::new("another authority") }
    }

    pub fn acceptor_files(&self, pair: &Pair, asked: ClientCertificate) -> AcceptorFiles {
        let (certificate, key) = pair.write(self.folder.path(), "acceptor");
        let client_ca = Some(self.ours.write(self.folder.path(), "ca.pem"));
        AcceptorFiles { certificate, key, client_ca, client_certificate: asked }
    }

    fn acceptor(&self, asked: ClientCertificate) -> Acceptor {
        Acceptor::open(self.acceptor_files(&self.ours.issue(&Subject::default()), asked)).unwrap()
    }

    pub fn requestor_files(&self, pair: Option<&Pair>) -> RequestorFiles {
        let (certificate, key) = pair.map(|pair| pair.write(self.folder.path(), "requestor")).unzip();
        RequestorFiles { ca: self.ours.write(self.folder.path(), "ca.pem"), certificate, key, server_name: None }
    }

    /// Certificates of a device, each with what the other side makes of it.
    fn devices(&self, needed: Usage, wrong: Usage) -> Vec<(&'static str, Pair, Result<(), TlsFault>)> {
        let only = |usage| Subject { usages: vec![usage], ..Subject::default() };
        let years = |from, to| Subject { years: (from, to), ..Subject::default() };
        vec![
            ("sound", self.ours.issue(&Subject::default()), Ok(())),
            ("for this use alone", self.ours.issue(&only(needed)), Ok(())),
            ("for the other use alone", self.ours.issue(&only(wrong)), Err(TlsFault::OtherUse)),
            ("expired", self.ours.issue(&years(2001, 2002)), Err(TlsFault::Expired)),
            ("not yet valid", self.ours.issue(&years(2090, 2091)), Err(TlsFault::NotYetValid)),
            ("another authority's", self.others.issue(&Subject::default()), Err(TlsFault::UnknownAuthority)),
            ("self-signed", self.others.as_pair(), Err(TlsFault::AuthorityAsPeer)),
            ("the authority's own", self.ours.as_pair(), Err(TlsFault::AuthorityAsPeer)),
        ]
    }
}

/// What the side hears whose certificate the other one did not take.
fn hears_of(fault: TlsFault) -> Vec<TlsFault> {
    match fault {
        TlsFault::Expired | TlsFault::NotYetValid => vec![TlsFault::OursExpired],
        TlsFault::UnknownAuthority => vec![TlsFault::OursNotTrusted],
        _ => vec![TlsFault::OursRefused, TlsFault::OursNotTrusted, TlsFault::Alert(47)],
    }
}

#[test]
fn every_client_is_judged_by_its_certificate() {
    let world = World::new();
    for asked in [ClientCertificate::Required, ClientCertificate::Optional] {
        let acceptor = world.acceptor(asked);
        for version in [&TLS12, &TLS13] {
            for (what, pair, expected) in world.devices(Usage::ClientAuth, Usage::ServerAuth) {
                let handshake = acceptor.handshake().unwrap();
                let client = memory::client(&world.ours, Some(&pair), version);
                let (ours, theirs) = memory::shake(&handshake.config, &client, "localhost");
                assert_eq!(ours, expected, "{what}, {asked:?}, {version:?}");
                let shown = handshake.peer().cloned();
                match ours {
                    Ok(()) => {
                        assert_eq!(theirs, Ok(()));
                        assert_eq!(shown, Some(Identity::of(&pair.certificate)), "{what}");
                    }
                    Err(fault) => {
                        assert!(hears_of(fault).contains(&theirs.unwrap_err()), "{what}: {theirs:?}");
                        assert_eq!(shown, None, "{what}: nobody");
                    }
                }
            }
        }
    }
}

#[test]
fn a_client_without_a_certificate_gets_in_only_where_it_may() {
    let world = World::new();
    for (asked, expected) in [
        (ClientCertificate::Required, Err(TlsFault::NoCertificate)),
        (ClientCertificate::Optional, Ok(())),
        (ClientCertificate::None, Ok(())),
    ] {
        let acceptor = world.acceptor(asked);
        for version in [&TLS12, &TLS13] {
            let handshake = acceptor.handshake().unwrap();
            let (ours, theirs) =
                memory::shake(&handshake.config, &memory::client(&world.ours, None, version), "localhost");
            assert_eq!(ours, expected, "{asked:?}, {version:?}");
            assert_eq!(theirs.is_ok(), expected.is_ok(), "{theirs:?}");
            assert_eq!(handshake.peer(), None);
        }
    }
    // Not asked, it shows none, whatever it has.
    let handshake = world.acceptor(ClientCertificate::None).handshake().unwrap();
    let pair = world.ours.issue(&Subject::default());
    let shaken = memory::shake(&handshake.config, &memory::client(&world.ours, Some(&pair), &TLS13), "localhost");
    assert_eq!((shaken, handshake.peer()), ((Ok(()), Ok(())), None));
}

#[test]
fn every_server_is_judged_by_its_certificate() {
    let world = World::new();
    let requestor = Requestor::new(world.requestor_files(None));
    for version in [&TLS12, &TLS13] {
        for (what, pair, expected) in world.devices(Usage::ServerAuth, Usage::ClientAuth) {
            let server = memory::server(&pair, None, version);
            let (_, ours) = memory::shake(&server, &requestor.config().unwrap(), "localhost");
            assert_eq!(ours, expected, "{what}, {version:?}");
        }
        for (name, expected) in [
            ("localhost", Ok(())),
            ("127.0.0.1", Ok(())),
            ("pacs.example", Err(TlsFault::OtherName)),
            ("127.0.0.2", Err(TlsFault::OtherName)),
        ] {
            let server = memory::server(&world.ours.issue(&Subject::default()), None, version);
            assert_eq!(memory::shake(&server, &requestor.config().unwrap(), name).1, expected, "{name}");
        }
    }
}

#[test]
fn servers_that_want_our_certificate_get_it() {
    let world = World::new();
    let server_pair = world.ours.issue(&Subject::default());
    for version in [&TLS12, &TLS13] {
        let server = memory::server(&server_pair, Some(&world.ours), version);
        let own = world.ours.issue(&Subject::default());
        let with = Requestor::new(world.requestor_files(Some(&own)));
        assert_eq!(memory::shake(&server, &with.config().unwrap(), "localhost"), (Ok(()), Ok(())), "{version:?}");
        let without = Requestor::new(world.requestor_files(None));
        let (theirs, ours) = memory::shake(&server, &without.config().unwrap(), "localhost");
        assert_eq!(theirs, Err(TlsFault::NoCertificate));
        assert!(matches!(ours, Err(TlsFault::OursMissing | TlsFault::Alert(40))), "{version:?}: {ours:?}");
        let foreign = memory::server(&server_pair, Some(&world.others), version);
        let (theirs, ours) = memory::shake(&foreign, &with.config().unwrap(), "localhost");
        assert!(theirs.is_err() && ours.is_err(), "{theirs:?} {ours:?}");
    }
}

#[test]
fn both_sides_are_ours() {
    let world = World::new();
    let own = world.ours.issue(&Subject::default());
    let requestor = Requestor::new(world.requestor_files(Some(&own)));
    let handshake = world.acceptor(ClientCertificate::Required).handshake().unwrap();
    assert_eq!(memory::shake(&handshake.config, &requestor.config().unwrap(), "localhost"), (Ok(()), Ok(())));
    assert!(requestor.certificate().unwrap().is_valid(SystemTime::now()));
}

#[test]
fn a_certificate_is_expected_by_fingerprint_or_by_its_only_common_name() {
    let world = World::new();
    let of = |names: &[&'static str]| {
        let subject = Subject { common_names: names.to_vec(), ..Subject::default() };
        Identity::of(&world.ours.issue(&subject).certificate)
    };
    let one = of(&["mammo1"]);
    let named = ExpectedCertificate::parse("CN=mammo1").unwrap();
    assert!(named.is(&one) && named.is(&of(&["mammo1"])), "a renewed one too");
    for others in [&["mammo2"][..], &[], &["mammo1", "mammo2"], &["mammo1, O=a"]] {
        assert!(!named.is(&of(others)), "{others:?}");
    }
    let exactly = ExpectedCertificate::parse(&one.to_string()).unwrap();
    assert!(exactly.is(&one) && !exactly.is(&of(&["mammo1"])));
}

#[test]
fn what_is_left_of_a_certificate_is_read_from_its_file() {
    let world = World::new();
    let (asked, requested) = (ClientCertificate::None, Subject { years: (2020, 2100), ..Subject::default() });
    let acceptor = Acceptor::open(world.acceptor_files(&world.ours.issue(&requested), asked)).unwrap();
    let facts = acceptor.certificate().unwrap();
    assert_eq!((facts.not_before, facts.not_after), (1_577_836_800, 4_102_444_800));
    let day = SystemTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800 - 20 * 86_400);
    assert_eq!((facts.days_left(day), facts.warning(day).unwrap().as_str()), (20, "expires in 20 days"));
    let expired = world.ours.issue(&Subject { years: (2001, 2002), ..Subject::default() });
    let acceptor = Acceptor::open(world.acceptor_files(&expired, asked)).expect("it starts, and peers say why not");
    assert!(acceptor.certificate().unwrap().warning(SystemTime::now()).unwrap().starts_with("has expired"));
}
