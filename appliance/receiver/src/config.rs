//! Settings of the receiver.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use domain::AeTitle;
use secure_transport::{Acceptor, FileFault};
use serde::{Deserialize, Serialize};

use crate::{Listen, PeerNetwork, ReportAddress, TlsConfig};

/// Settings of the receiver. All times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Where associations without TLS are taken.
    pub listen: Listen,
    /// Our AE title. With `called_ae_checked`, a peer must call us by it.
    pub ae_title: String,
    /// Refuse associations that call another AE title.
    pub called_ae_checked: bool,
    /// AE titles that may send; empty lets everybody.
    pub calling_ae_allowed: Vec<AeTitle>,
    /// Addresses and networks that may connect; empty lets everybody.
    pub peer_addresses_allowed: Vec<PeerNetwork>,
    /// Associations at the same time.
    pub associations_max: usize,
    /// Associations of one IP address at the same time.
    pub associations_per_peer_max: usize,
    /// The longest PDU that a peer may send, in bytes.
    pub pdu_bytes_max: u32,
    /// From the connection to the end of A-ASSOCIATE.
    pub artim_timeout_ms: u64,
    /// Without any PDU.
    pub idle_timeout_ms: u64,
    /// From the command to the last byte of one instance.
    pub instance_timeout_ms: u64,
    /// What a sender must reach on the average since its command, in bytes of the data set; 0 asks for nothing.
    pub rate_bytes_per_second_min: u64,
    /// How long a sender may be slower than that.
    pub rate_grace_ms: u64,
    /// The largest instance, in bytes.
    pub instance_bytes_max: u64,
    /// Free bytes on the disk below which nothing more is accepted.
    pub disk_free_bytes_min: u64,
    /// Bytes of refused data sets that are kept for inspection; 0 keeps none.
    pub quarantine_bytes_max: u64,
    /// Answer requests for storage commitment. We are no archive: what is committed is kept as long as retention says, and
    /// a peer may remove its own copy afterwards.
    pub commitment_answered: bool,
    /// Where to report a commitment when the peer that asked has released its association: AE title to address.
    pub commitment_report_to: BTreeMap<AeTitle, ReportAddress>,
    /// Where and how associations over TLS are taken; nowhere without it.
    pub tls: Option<TlsConfig>,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            listen: Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 11112))),
            ae_title: "MAMORU".into(),
            called_ae_checked: true,
            calling_ae_allowed: Vec::new(),
            peer_addresses_allowed: Vec::new(),
            associations_max: 32,
            // Twice what a unit or gateway opens when it sends in parallel, and a quarter of all: one that leaks
            // associations cannot shut the others out.
            associations_per_peer_max: 8,
            pdu_bytes_max: 131_072,
            artim_timeout_ms: 30_000,
            idle_timeout_ms: 60_000,
            instance_timeout_ms: 600_000,
            // A modem's pace: no line that carries mammograms is slower, and a place costs a stalling peer at least this.
            rate_bytes_per_second_min: 1024,
            rate_grace_ms: 10_000,
            instance_bytes_max: 1 << 30,
            disk_free_bytes_min: 1 << 30,
            quarantine_bytes_max: 1 << 30,
            commitment_answered: false,
            commitment_report_to: BTreeMap::new(),
            tls: None,
        }
    }
}

impl ReceiverConfig {
    /// Reads the files that are named, and lets go of them. Blocks.
    ///
    /// # Errors
    /// What is wrong with them, in words of a technician.
    pub fn check_files(&self) -> Result<(), FileFault> {
        self.tls.as_ref().map_or(Ok(()), |tls| Acceptor::open(tls.acceptor_files()).map(drop))
    }

    /// What does not go together, each with its key, in words of a technician. Looks at no file.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.tls.as_ref().map(TlsConfig::faults).unwrap_or_default();
        if self.listen == Listen::Off && self.tls.is_none() {
            faults.push("receiver.listen: is off, and there is no [receiver.tls]: nobody could send anything".into());
        }
        let has_authority = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if !has_authority && self.commitment_report_to.values().any(ReportAddress::is_tls) {
            faults.push("receiver.commitment_report_to: tls:// needs [receiver.tls] with `client_ca`".into());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_commitments_are_reported_is_checked_when_it_is_read() {
        let text = "commitment_answered = true\ncommitment_report_to = { MAMMO1 = '192.0.2.9:104' }";
        let config: ReceiverConfig = toml::from_str(text).unwrap();
        let report_to = [(AeTitle::parse("MAMMO1").unwrap(), ReportAddress::parse("192.0.2.9:104").unwrap())].into();
        let expected =
            ReceiverConfig { commitment_answered: true, commitment_report_to: report_to, ..ReceiverConfig::default() };
        assert_eq!(config, expected);
        assert_eq!(toml::from_str(&toml::to_string(&config).unwrap()), Ok(config));
        for text in ["{ MAMMO1 = '192.0.2.9' }", "{ MAMMO1 = 104 }", "{ SEVENTEEN_LETTERS = '192.0.2.9:104' }"] {
            let text = format!("commitment_report_to = {text}");
            assert!(toml::from_str::<ReceiverConfig>(&text).is_err(), "{text}");
        }
        assert!(!ReceiverConfig::default().commitment_answered, "we are no archive");
    }

    #[test]
    fn listeners_that_do_not_go_together_are_named() {
        let faults = |text: &str| toml::from_str::<ReceiverConfig>(text).unwrap().faults();
        let tls = "[tls]\ncertificate = 'a'\nkey = 'b'\nclient_certificate = 'none'\n";
        assert_eq!(ReceiverConfig::default().faults(), [""; 0]);
        assert_eq!(faults(&format!("listen = 'off'\n{tls}")), [""; 0]);
        let report = "commitment_report_to = { MAMMO1 = 'tls://192.0.2.9:2762' }\n";
        assert_eq!(faults(&format!("{report}{tls}client_ca = 'c'")), [""; 0]);
        for (text, key) in [
            ("listen = 'off'", "receiver.listen: "),
            (report, "receiver.commitment_report_to: "),
            (&format!("{report}{tls}"), "receiver.commitment_report_to: "),
            (&tls.replace("none", "required"), "receiver.tls.client_ca: "),
        ] {
            let faults = faults(text);
            assert!(faults.len() == 1 && faults[0].starts_with(key), "{text}: {faults:?}");
        }
    }
}
