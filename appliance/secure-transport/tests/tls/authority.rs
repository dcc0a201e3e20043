//! Authorities and what they sign, made for a test. Also the tests of other crates use it.

// Each test program uses a part of it.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// What a certificate is to say. The years are those in which it begins and ends.
#[derive(Clone)]
pub struct Subject {
    pub common_names: Vec<&'static str>,
    pub names: Vec<&'static str>,
    pub years: (i32, i32),
    pub usages: Vec<ExtendedKeyUsagePurpose>,
}

/// Valid for loopback, for this century, for servers and clients.
impl Default for Subject {
    fn default() -> Self {
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let names = vec!["localhost", "127.0.0.1"];
        Self { common_names: vec!["unit"], names, years: (2020, 2100), usages }
    }
}

/// A certificate with its key.
pub struct Pair {
    pub certificate: CertificateDer<'static>,
    pub certificate_pem: String,
    pub key_pem: String,
    key_der: Vec<u8>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// Its certificate as `name` in `folder`.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, self.pem()).unwrap();
        path
    }

    /// Its own certificate and key, as if it were a device.
    pub fn as_pair(&self) -> Pair {
        Pair::of(self.der(), self.pem(), self.issuer.key())
    }

    pub fn issue(&self, subject: &Subject) -> Pair {
        let names: Vec<String> = subject.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in &subject.common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.not_before = date_time_ymd(subject.years.0, 1, 1);
        params.not_after = date_time_ymd(subject.years.1, 1, 1);
        params.extended_key_usages = subject.usages.clone();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair::of(certificate.der().clone(), certificate.pem(), &key)
    }
}

impl Pair {
    fn of(certificate: CertificateDer<'static>, certificate_pem: String, key: &KeyPair) -> Self {
        Self { certificate, certificate_pem, key_pem: key.serialize_pem(), key_der: key.serialize_der() }
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key_der.clone()).unwrap()
    }

    /// Certificate and key as `name.pem` and `name.key` in `folder`, each in place of an earlier one at once.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let write = |path: PathBuf, text: &str| {
            let new = path.with_extension("new");
            fs::write(&new, text).unwrap();
            fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
            fs::rename(&new, &path).unwrap();
            path
        };
        let certificate = write(folder.join(format!("{name}.pem")), &self.certificate_pem);
        (certificate, write(folder.join(format!("{name}.key")), &self.key_pem))
    }
}
