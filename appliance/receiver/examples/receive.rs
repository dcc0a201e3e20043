//! A receiver alone, for tests with other software: `receive FOLDER [--tls CERTIFICATE KEY CA ASKED]
//! [--commitment [AET=HOST:PORT...]]` prints its port and runs until its standard input ends. With `--tls` it prints its port for
//! TLS after that; peers are asked for certificates as ASKED says (required, optional, none). With `--commitment` it answers requests for storage commitment, reports to the given
//! addresses, and prints each report that it gets, line by line.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use commitment::Report;
use dimse::Status;
use domain::{AeTitle, UnixMillis};
use queue::{Queue, StateDir};
use receiver::{CommitmentSink, Receiver, ReceiverConfig, ReportAddress, TlsConfig, reread};
use secure_transport::ClientCertificate;
use tokio::sync::watch;

/// Prints reports.
#[derive(Debug)]
struct Printer;

impl CommitmentSink for Printer {
    fn report(&self, from: &AeTitle, report: &Report) -> Status {
        let committed = report.committed.iter().map(|sop| format!("committed {}\n", sop.instance.as_str()));
        let failed = report.failed.iter();
        let failed = failed.map(|failed| format!("failed {} {:04X}\n", failed.sop.instance.as_str(), failed.reason));
        let lines: String = committed.chain(failed).collect();
        let text = format!("transaction {} of {from}\n{lines}", report.transaction.as_str());
        let printed = std::io::stdout().write_all(text.as_bytes());
        if printed.is_ok() { Status::SUCCESS } else { Status::PROCESSING_FAILURE }
    }
}

fn tls(certificate: &str, key: &str, ca: &str, asked: &str) -> Result<TlsConfig, Box<dyn std::error::Error>> {
    let client_certificate = match asked {
        "required" => ClientCertificate::Required,
        "optional" => ClientCertificate::Optional,
        "none" => ClientCertificate::None,
        _ => return Err("peers are asked for certificates: required, optional or none".into()),
    };
    Ok(TlsConfig {
        listen: "127.0.0.1:0".parse()?,
        certificate: certificate.into(),
        key: key.into(),
        client_ca: Some(ca.into()),
        client_certificate,
        ae_certificates: [].into(),
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: receive FOLDER [--tls CERTIFICATE KEY CA ASKED] [--commitment [AET=HOST:PORT...]]";
    let (folder, mut options) = arguments.split_first().ok_or(usage)?;
    let state = StateDir::create(Path::new(folder))?;
    let (queue, _) = Queue::open(&state, &reread, UnixMillis(0))?;
    let mut config = ReceiverConfig { listen: "127.0.0.1:0".parse()?, ..ReceiverConfig::default() };
    if let [option, certificate, key, ca, asked, rest @ ..] = options
        && option == "--tls"
    {
        config.tls = Some(tls(certificate, key, ca, asked)?);
        options = rest;
    }
    if let Some((_, addresses)) = options.split_first() {
        config.commitment_answered = true;
        for address in addresses {
            let (title, address) = address.split_once('=').ok_or("an address is AET=HOST:PORT")?;
            config.commitment_report_to.insert(AeTitle::parse(title)?, ReportAddress::parse(address)?);
        }
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let mut receiver = runtime.block_on(Receiver::bind(config, queue, state))?;
    if !options.is_empty() {
        receiver = receiver.with_commitment_sink(Arc::new(Printer));
    }
    writeln!(std::io::stdout(), "{}", receiver.local_addr().port())?;
    if let Some(address) = receiver.tls_addr() {
        writeln!(std::io::stdout(), "{}", address.port())?;
    }
    let (stop, stopped) = watch::channel(false);
    let running = runtime.spawn(receiver.run(stopped));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    stop.send(true)?;
    runtime.block_on(running)?;
    Ok(())
}
