//! Can results go where they are to go?

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use forwarder::{Carrier, DestinationConfig, DestinationKind};
use rustix::fs::{Access, access};
use scu::{Association, Peer, Timeouts};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::Finding;
use crate::config::Config;
use crate::control::Status;

/// How long a destination may take for everything.
const BOUND: Duration = Duration::from_secs(5);

/// What can be found wrong with a destination, the worst first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    /// Its files or its folder cannot be used.
    unusable: Option<String>,
    /// What it said, or why it did not; nothing where it was not asked.
    reached: Option<Result<String, String>>,
    /// Results that wait for a person.
    parked: usize,
    /// Why the latest try failed that is still to be repeated.
    last_error: Option<String>,
}

/// One finding per destination; they are called all at once, and only with `connect`.
///
/// # Errors
/// When the runtime for connections cannot be started.
pub fn check(config: &Config, status: Option<&Status>, connect: bool) -> anyhow::Result<Vec<Finding>> {
    let own_ae = config.ae_title().ok();
    let kinds = config.destinations.iter().map(|destination| destination.kind(own_ae.as_ref()?).ok());
    let kinds: Vec<Option<DestinationKind>> = kinds.collect();
    let mut reached = if connect { reach_all(&kinds)? } else { vec![None; kinds.len()] };
    let mut findings = Vec::new();
    for ((destination, kind), reached) in config.destinations.iter().zip(&kinds).zip(reached.drain(..)) {
        let name = destination.name.as_str();
        let line = status.and_then(|status| status.destinations.iter().find(|line| line.name == name));
        let facts = Facts {
            unusable: unusable(destination, config, kind.as_ref()),
            reached,
            parked: line.map_or(0, |line| line.parked),
            last_error: line.and_then(|line| line.last_error.clone()),
        };
        findings.push(judge(name, kind.as_ref(), facts));
    }
    if findings.is_empty() {
        let next = "name one as [[destinations]] in the configuration: mamoru config default explains how";
        findings.push(Finding::attention("destinations", "there is none: results go nowhere", next));
    }
    Ok(findings)
}

fn judge(name: &str, kind: Option<&DestinationKind>, facts: Facts) -> Finding {
    let check = format!("destination {name}");
    let place = kind.map_or_else(String::new, place);
    if let Some(why) = facts.unusable {
        return Finding::failed(
            check,
            format!("{place}: {why}"),
            "mend that; mamoru config check tries the files again",
        );
    }
    if let Some(Err(why)) = &facts.reached {
        let next = "see whether it runs, its address, port and AE titles, and the firewall between; results wait here until then";
        return Finding::failed(check, format!("{place}: {why}"), next);
    }
    if facts.parked > 0 {
        let why = facts.last_error.unwrap_or_else(|| "it was refused".into());
        let next = "mamoru queue shows them; mend that at the destination, then: mamoru queue retry";
        return Finding::attention(check, format!("{place}: {} results are parked: {why}", facts.parked), next);
    }
    if let Some(why) = facts.last_error {
        let next = format!("it is tried again by itself; if this stays: mamoru results verify-destination {name}");
        return Finding::attention(check, format!("{place}: the latest try failed: {why}"), next);
    }
    let said = match facts.reached {
        Some(Ok(said)) => said,
        _ if matches!(kind, Some(DestinationKind::Folder(_))) => "can be written".into(),
        _ => "not called (--connect calls it)".into(),
    };
    Finding::ok(check, format!("{place}: {said}"))
}

/// Where it is, without secrets.
pub fn place(kind: &DestinationKind) -> String {
    match kind {
        DestinationKind::Dicom(peer) => peer.to_string(),
        DestinationKind::Stow(web) => format!("STOW-RS {}", web.url),
        DestinationKind::Post(web) => format!("POST {}", web.url),
        DestinationKind::Folder(folder) => folder.display().to_string(),
    }
}

/// Why its files or its folder cannot be used.
fn unusable(destination: &DestinationConfig, config: &Config, kind: Option<&DestinationKind>) -> Option<String> {
    let own_ae = match config.ae_title() {
        Ok(own_ae) => own_ae,
        Err(error) => return Some(error.to_string()),
    };
    if let Err(why) = Carrier::new(destination, &own_ae).and_then(|carrier| carrier.check_files()) {
        return Some(why);
    }
    match kind {
        Some(DestinationKind::Folder(folder)) => cannot_write(folder),
        _ => None,
    }
}

/// The folder, or the nearest one above it that is there.
fn cannot_write(folder: &Path) -> Option<String> {
    let whole = std::path::absolute(folder).ok()?;
    let there = whole.ancestors().find(|path| path.exists())?;
    if !there.is_dir() {
        return Some(format!("{} is no folder", there.display()));
    }
    let error = access(there, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(format!("{} cannot be written: {}", there.display(), std::io::Error::from(error).kind()))
}

/// Calls one destination, within 5 s; `None` when there is none of that name. A folder is tried.
pub fn reach_one(config: &Config, name: &str) -> Option<Result<String, String>> {
    let destination = config.destinations.iter().find(|destination| destination.name.as_str() == name)?;
    let kind = config.ae_title().ok().and_then(|own_ae| destination.kind(&own_ae).ok());
    if let Some(why) = unusable(destination, config, kind.as_ref()) {
        return Some(Err(why));
    }
    if matches!(kind, Some(DestinationKind::Folder(_))) {
        return Some(Ok("can be written".into()));
    }
    let called = reach_all(&[kind]).map(|mut reached| reached.pop().flatten());
    Some(
        called
            .map_err(|error| format!("{error:#}"))
            .and_then(|reached| reached.unwrap_or_else(|| Err("it was not called".into()))),
    )
}

type Reached = Option<Result<String, String>>;

fn reach_all(kinds: &[Option<DestinationKind>]) -> anyhow::Result<Vec<Reached>> {
    let runtime = Runtime::new().context("the runtime cannot be started")?;
    let mut reached: Vec<Reached> = vec![None; kinds.len()];
    runtime.block_on(async {
        let mut calls = JoinSet::new();
        for (index, kind) in kinds.iter().enumerate() {
            if let Some(kind) = kind.clone().filter(|kind| !matches!(kind, DestinationKind::Folder(_))) {
                calls.spawn(async move {
                    let silence = || Err(format!("no answer within {} s", BOUND.as_secs()));
                    (index, tokio::time::timeout(BOUND, reach(kind)).await.unwrap_or_else(|_| silence()))
                });
            }
        }
        while let Some(done) = calls.join_next().await {
            if let Ok((index, result)) = done {
                reached[index] = Some(result);
            }
        }
    });
    // A name that is still being looked up must not hold the process.
    runtime.shutdown_background();
    Ok(reached)
}

async fn reach(kind: DestinationKind) -> Result<String, String> {
    match kind {
        DestinationKind::Dicom(peer) => echo(&peer).await,
        DestinationKind::Stow(web) | DestinationKind::Post(web) => {
            let address = address_of(&web.url).ok_or("its URL names no host")?;
            let connected = TcpStream::connect(address).await;
            connected
                .map(|_| "a connection was made".into())
                .map_err(|error| format!("cannot connect: {}", error.kind()))
        }
        DestinationKind::Folder(_) => Ok(String::new()),
    }
}

async fn echo(peer: &Peer) -> Result<String, String> {
    let limit_ms = u64::try_from(BOUND.as_millis()).unwrap_or(u64::MAX);
    let timeouts = Timeouts { connect_ms: limit_ms, send_ms: limit_ms, response_ms: limit_ms };
    let mut association = Association::request(peer, &[], timeouts).await.map_err(|error| error.to_string())?;
    let status = association.echo().await.map_err(|error| error.to_string())?;
    // The answer is there; how the association ends changes nothing.
    let _ = association.release().await;
    if status.is_success() { Ok("answers C-ECHO".into()) } else { Err(format!("answers C-ECHO with status {status}")) }
}

/// `host:port` of a URL that was checked already.
fn address_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty())?;
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
    let default = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
    Some(if port.is_some() { authority.to_owned() } else { format!("{authority}:{default}") })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;
    use crate::config::parse;
    use crate::doctor::Verdict;

    fn checked(destination: &str, connect: bool) -> Finding {
        let config = parse(&format!("[[destinations]]\nname = \"pacs\"\n{destination}")).unwrap();
        check(&config, None, connect).unwrap().remove(0)
    }

    fn dicom(listener: &TcpListener) -> String {
        format!("address = \"{}\"\ncalled_ae = \"PACS\"", listener.local_addr().unwrap())
    }

    #[test]
    fn nobody_is_called_unless_it_is_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let finding = checked(&dicom(&listener), false);
        assert!(finding.verdict == Verdict::Ok && finding.found.contains("not called"), "{finding:?}");
        assert!(listener.accept().is_err());
    }

    #[test]
    fn a_destination_that_is_away_or_silent_has_failed_within_the_bound() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (silent, url) = (dicom(&listener), format!("http://{}/results", listener.local_addr().unwrap()));
        let start = Instant::now();
        let finding = checked(&silent, true);
        assert!(finding.verdict == Verdict::Failed && start.elapsed() < 3 * BOUND, "{finding:?}");
        let post = format!("post = {{ url = \"{url}\" }}");
        assert_eq!(checked(&post, true).verdict, Verdict::Ok);
        drop(listener);
        for destination in [&silent, &post] {
            let finding = checked(destination, true);
            assert!(finding.verdict == Verdict::Failed && finding.found.contains("cannot connect"), "{finding:?}");
        }
    }

    #[test]
    fn files_and_folders_are_tried() {
        let outer = tempfile::tempdir().unwrap();
        let folder = |path: &Path| checked(&format!("folder = {path:?}"), false);
        assert_eq!(folder(&outer.path().join("new/results")).verdict, Verdict::Ok);
        assert!(!outer.path().join("new").exists(), "nothing is made");
        std::fs::write(outer.path().join("file"), "").unwrap();
        assert_eq!(folder(&outer.path().join("file/results")).verdict, Verdict::Failed);
        let ca = outer.path().join("none.pem");
        let finding = checked(&format!("stow = {{ url = \"https://localhost\", ca_file = {ca:?} }}"), false);
        assert!(finding.verdict == Verdict::Failed && finding.found.contains("ca_file"), "{finding:?}");
        let config = parse("destinations = []").unwrap();
        assert_eq!(check(&config, None, false).unwrap()[0].verdict, Verdict::Attention);
    }

    #[test]
    fn what_the_device_says_of_a_destination_counts() {
        let facts = |parked, last_error: Option<&str>| Facts {
            parked,
            last_error: last_error.map(Into::into),
            ..Facts::default()
        };
        assert_eq!(judge("pacs", None, facts(0, None)).verdict, Verdict::Ok);
        let parked = judge("pacs", None, facts(2, Some("status A700")));
        assert!(parked.found.contains("2 results are parked: status A700"), "{parked:?}");
        let waiting = judge("pacs", None, facts(0, Some("cannot connect")));
        assert!(waiting.verdict == Verdict::Attention && waiting.found.contains("cannot connect"), "{waiting:?}");
    }

    #[test]
    fn a_url_has_an_address() {
        for (url, address) in [
            ("https://pacs.example/dicom-web", Some("pacs.example:443")),
            ("https://pacs.example:8443/a:b", Some("pacs.example:8443")),
            ("http://127.0.0.1", Some("127.0.0.1:80")),
            ("https://[::1]:8443", Some("[::1]:8443")),
            ("https://[::1]/a", Some("[::1]:443")),
            ("https:///a", None),
            ("pacs", None),
        ] {
            assert_eq!(address_of(url).as_deref(), address, "{url}");
        }
    }
}
