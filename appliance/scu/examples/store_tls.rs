//! C-ECHO and C-STORE over TLS, for tests with other software: `store_tls AET@HOST:PORT OUR_AET CA CERTIFICATE KEY NAME FILE...`
//! with `-` for a certificate, a key or a name that there is not. Prints the status of each request on a line of its own, or
//! `error: ` with why there is none.

use std::io::Write as _;
use std::path::Path;

use dimse::Status;
use domain::AeTitle;
use scu::{Association, Object, Peer, ScuError, Timeouts};
use secure_transport::{Requestor, RequestorFiles};

async fn send(peer: &Peer, objects: &[Object]) -> Result<Vec<Status>, ScuError> {
    let mut association = Association::request(peer, objects, Timeouts::default()).await?;
    let mut statuses = vec![association.echo().await?];
    for object in objects {
        statuses.push(association.store(object).await?);
    }
    association.release().await?;
    Ok(statuses)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, calling, ca, certificate, key, name, files @ ..] = &arguments[..] else {
        return Err("usage: store_tls AET@HOST:PORT OUR_AET CA CERTIFICATE KEY NAME FILE...".into());
    };
    let given = |text: &String| (text != "-").then(|| text.clone());
    let files_of_tls = RequestorFiles {
        ca: ca.into(),
        certificate: given(certificate).map(Into::into),
        key: given(key).map(Into::into),
        server_name: given(name),
    };
    let peer = Peer { tls: Some(Requestor::new(files_of_tls)), ..Peer::parse(peer, AeTitle::parse(calling)?)? };
    let objects = files.iter().map(|file| Object::open(Path::new(file))).collect::<Result<Vec<_>, _>>()?;
    let mut out = std::io::stdout();
    match tokio::runtime::Runtime::new()?.block_on(send(&peer, &objects)) {
        Ok(statuses) => statuses.iter().try_for_each(|status| writeln!(out, "{status}"))?,
        Err(error) => writeln!(out, "error: {error}")?,
    }
    Ok(())
}
