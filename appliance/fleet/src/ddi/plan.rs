//! What a deployment asks for, when it is one that can be done.

use contract::Digest;

use super::installer::Urgency;
use super::protocol::{Deployment, Handling, MaintenanceWindow};
use super::refused::Refused;

/// A deployment that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) sha256: Digest,
    pub(crate) bytes: u64,
    /// Where the bundle is.
    pub(crate) link: String,
    /// May it be fetched now?
    pub(crate) may_download: bool,
    /// May it be installed now, and how?
    pub(crate) install: Option<Urgency>,
}

/// Finds the one bundle of a deployment.
pub(crate) fn plan(deployment: &Deployment, bundle_bytes_max: u64) -> Result<Plan, Refused> {
    let mut artifacts = deployment.chunks.iter().flat_map(|chunk| &chunk.artifacts);
    let (Some(artifact), None) = (artifacts.next(), artifacts.next()) else { return Err(Refused::NotOneBundle) };
    if !artifact.filename.ends_with(".mbundle") {
        return Err(Refused::NotOneBundle);
    }
    let bytes = artifact.size;
    if !(1..=bundle_bytes_max).contains(&bytes) {
        return Err(Refused::Size { declared: bytes, limit: bundle_bytes_max });
    }
    let sha256 = artifact.hashes.sha256.as_ref().and_then(|text| Digest::try_from(text.to_ascii_lowercase()).ok());
    let sha256 = sha256.ok_or(Refused::NoDigest)?;
    let links = &artifact.links;
    let link = links.download.as_ref().or(links.download_http.as_ref()).ok_or(Refused::Elsewhere)?.href.clone();
    let is_closed = deployment.maintenance_window == Some(MaintenanceWindow::Unavailable);
    let install = match deployment.update {
        _ if is_closed => None,
        Handling::Skip => None,
        Handling::Attempt => Some(Urgency::Soft),
        Handling::Forced => Some(Urgency::Forced),
    };
    Ok(Plan { sha256, bytes, link, may_download: deployment.download != Handling::Skip, install })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment(change: impl Fn(&mut Value)) -> Deployment {
        let mut value = json!({"download": "forced", "update": "attempt", "chunks": [{"part": "x", "artifacts": [{
            "filename": "a.mbundle", "hashes": {"sha256": "AB".repeat(32), "md5": "x"}, "size": 7,
            "_links": {"download": {"href": "https://a"}, "download-http": {"href": "http://a"}}}]}]});
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn one_bundle_is_found_with_what_may_be_done() {
        let good = plan(&deployment(|_| {}), 7).unwrap();
        assert_eq!((good.bytes, good.link.as_str(), good.may_download), (7, "https://a", true));
        assert_eq!((good.install, good.sha256.to_string()), (Some(Urgency::Soft), "ab".repeat(32)));
        for (key, value, may_download, install) in [
            ("download", "skip", false, Some(Urgency::Soft)),
            ("update", "skip", true, None),
            ("update", "forced", true, Some(Urgency::Forced)),
            ("maintenanceWindow", "available", true, Some(Urgency::Soft)),
            ("maintenanceWindow", "unavailable", true, None),
        ] {
            let plan = plan(&deployment(|deployment| deployment[key] = value.into()), 7).unwrap();
            assert_eq!((plan.may_download, plan.install), (may_download, install), "{key} {value}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let size = |declared| Refused::Size { declared, limit: 7 };
        let artifact = "/chunks/0/artifacts/0";
        let at = |pointer: String, with: Value| {
            move |value: &mut Value| *value.pointer_mut(&pointer).unwrap() = with.clone()
        };
        let refused = |deployment: Deployment| plan(&deployment, 7).unwrap_err();
        let set = |key: &str, with: Value| refused(deployment(at(format!("{artifact}/{key}"), with)));
        assert_eq!(set("filename", "a.zip".into()), Refused::NotOneBundle);
        assert_eq!(set("size", 0.into()), size(0));
        assert_eq!(set("size", 8.into()), size(8));
        assert_eq!(set("size", u64::MAX.into()), size(u64::MAX));
        assert_eq!(set("hashes", json!({})), Refused::NoDigest);
        assert_eq!(set("hashes/sha256", "ab".into()), Refused::NoDigest);
        assert_eq!(set("_links", json!({})), Refused::Elsewhere);
        assert_eq!(refused(deployment(at("/chunks".into(), json!([])))), Refused::NotOneBundle);
        let twice = refused(deployment(|value| {
            let chunk = value["chunks"][0].clone();
            value["chunks"].as_array_mut().unwrap().push(chunk);
        }));
        assert_eq!(twice, Refused::NotOneBundle);
    }
}
