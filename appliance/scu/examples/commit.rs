//! Storage commitment asked of a peer, for tests with other software:
//! `commit AET@HOST:PORT OUR_AET WAIT_MS TRANSACTION CLASS=INSTANCE...` prints the answer's status, and the report that came
//! on the same association, line by line, or `no report`.

use std::io::Write as _;
use std::time::Duration;

use commitment::Request;
use contract::Uid;
use domain::{AeTitle, Sop};
use scu::{Association, Peer, Timeouts};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, calling, wait_ms, transaction, instances @ ..] = &arguments[..] else {
        return Err("usage: commit AET@HOST:PORT OUR_AET WAIT_MS TRANSACTION CLASS=INSTANCE...".into());
    };
    let peer = Peer::parse(peer, AeTitle::parse(calling)?)?;
    let sop = |text: &String| -> Result<Sop, Box<dyn std::error::Error>> {
        let (class, instance) = text.split_once('=').ok_or("an instance is CLASS=INSTANCE")?;
        Ok(Sop { class: Uid::parse(class)?, instance: Uid::parse(instance)? })
    };
    let instances = instances.iter().map(sop).collect::<Result<Vec<_>, _>>()?;
    let request = Request { transaction: Uid::parse(transaction)?, instances };
    let wait = Duration::from_millis(wait_ms.parse()?);
    let (status, report) = tokio::runtime::Runtime::new()?.block_on(async {
        let mut association = Association::request_with_commitment(&peer, &[], Timeouts::default()).await?;
        let status = association.request_commitment(&request).await?;
        let report = association.wait_for_report(wait).await?;
        // Where a report crosses it there is nothing to be done about a release that fails.
        let _ = association.release().await;
        Ok::<_, scu::ScuError>((status, report))
    })?;
    let mut out = std::io::stdout();
    writeln!(out, "status {status}")?;
    let Some(report) = report else {
        writeln!(out, "no report")?;
        return Ok(());
    };
    writeln!(out, "transaction {}", report.transaction.as_str())?;
    for sop in &report.committed {
        writeln!(out, "committed {}", sop.instance.as_str())?;
    }
    for failed in &report.failed {
        writeln!(out, "failed {} {:04X}", failed.sop.instance.as_str(), failed.reason)?;
    }
    Ok(())
}
