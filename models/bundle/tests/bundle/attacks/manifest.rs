//! What a signed manifest may not say: it fails closed on whatever it does not know.

use bundle::manifest::{BundleManifest, Role, SEQUENCE_MAX};
use bundle::{FileEntry, SoftwareVersion};
use contract::Digest;

use super::{Attack, attack};
use crate::world::Parts;

fn written(name: &str, change: impl FnOnce(String) -> String) -> Vec<u8> {
    let good = Parts::good();
    let before = good.manifest.clone();
    let parts = good.written(change);
    assert_ne!(parts.manifest, before, "{name} changes nothing");
    parts.bytes()
}

fn spellings() -> Vec<Attack> {
    let form = |name: &str, change: &dyn Fn(String) -> String| attack(name, written(name, change), "B302");
    vec![
        form("manifest with a doubled key", &|text| text.replacen('{', r#"{"sequence":17,"#, 1)),
        form("manifest with a doubled key and another value", &|text| text.replacen('{', r#"{"sequence":99,"#, 1)),
        form("manifest with a doubled key in a file", &|text| {
            text.replacen(r#"{"path":"#, r#"{"path":"../x","path":"#, 1)
        }),
        form("manifest with doubled keys among its extensions", &|text| {
            text.replace(r#""extensions":{}"#, r#""extensions":{"a":1,"a":2}"#)
        }),
        form("manifest with an unknown field", &|text| text.replacen('{', r#"{"also_run":"x","#, 1)),
        form("manifest with an unknown field of a file", &|text| {
            text.replacen(r#"{"path":"#, r#"{"mode":7,"path":"#, 1)
        }),
        form("manifest with a space", &|text| text.replacen(':', ": ", 1)),
        form("manifest with a line feed at the end", &|text| format!("{text}\n")),
        form("manifest with something behind it", &|text| format!("{text}{{}}")),
        form("manifest with an escaped letter", &|text| text.replace("test-model", "\\u0074est-model")),
        form("manifest with another way of writing a number", &|text| text.replace(":17", ":17.0")),
        form("manifest with a digest in capitals", &|text| {
            let at = text.find(r#""network":""#).unwrap() + 11;
            format!("{}{}{}", &text[..at], text[at..at + 64].to_uppercase(), &text[at + 64..])
        }),
        form("manifest without a field", &|text| text.replace(r#""sequence":17,"#, "")),
        form("manifest with a role that nobody knows", &|text| text.replace(r#""plot""#, r#""script""#)),
        form("manifest that is no JSON", &|_| "name: x".into()),
        form("manifest that is nested without end", &|_| "[".repeat(200_000)),
        attack(
            "manifest of a later format",
            written("", |text| text.replace("mamoru-bundle/1", "mamoru-bundle/2")),
            "B301",
        ),
        attack(
            "manifest of a later format with other fields",
            written("", |_| r#"{"format":"mamoru-bundle/2","what":"ever"}"#.into()),
            "B301",
        ),
        attack(
            "key set as a manifest",
            written("", |_| String::from_utf8(bundle::canonical::to_bytes(&crate::world::root(2)).unwrap()).unwrap()),
            "B301",
        ),
    ]
}

fn path(name: &str, path: &str) -> Attack {
    let entry = |manifest: &mut BundleManifest| {
        manifest.files.last_mut().unwrap().path = path.into();
    };
    attack(name, Parts::good().saying(entry).bytes(), "B304")
}

/// A text that is no name.
type Change = fn(&mut BundleManifest);

pub fn attacks() -> Vec<Attack> {
    let values: [(&str, Change); 20] = [
        ("sequence 0", |manifest| manifest.sequence = 0),
        ("sequence beyond all", |manifest| manifest.sequence = SEQUENCE_MAX + 1),
        ("no name", |manifest| manifest.name.clear()),
        ("name with a line feed", |manifest| manifest.name = "a\nb".into()),
        ("endless name", |manifest| manifest.name = "a".repeat(129)),
        ("version with a bell", |manifest| manifest.version = "1\u{7}".into()),
        ("no date", |manifest| manifest.created.clear()),
        ("no licence", |manifest| manifest.licence.clear()),
        ("no engine", |manifest| manifest.engines.clear()),
        ("too many engines", |manifest| manifest.engines = (10..30).map(|n| n.to_string()).collect()),
        ("engines out of order", |manifest| manifest.engines.reverse()),
        ("software from after to before", |manifest| {
            manifest.software_max = Some(SoftwareVersion::parse("0.0.9").unwrap());
        }),
        ("no files at all", |manifest| manifest.files.clear()),
        ("no golden vectors", |manifest| manifest.files.retain(|file| file.role != Role::Golden)),
        ("no licence's file", |manifest| manifest.files.retain(|file| file.role != Role::Licence)),
        ("file under another one's role", |manifest| manifest.files[0].role = Role::Plot),
        ("same file twice", |manifest| manifest.files.insert(1, manifest.files[0].clone())),
        ("files out of order in the manifest", |manifest| manifest.files.swap(0, 1)),
        ("empty file", |manifest| manifest.files[0].size = 0),
        ("network of another digest", |manifest| manifest.network = Digest::of(b"another")),
    ];
    let values = values.map(|(name, change)| attack(name, Parts::good().saying(change).bytes(), "B303"));
    let plot =
        |name: &str, size| FileEntry { path: format!("plots/{name}"), role: Role::Plot, size, sha256: Digest::of(b"") };
    let adding = |plots: Vec<FileEntry>| {
        let bundle = Parts::good().saying(|manifest| {
            manifest.files.extend(plots);
            manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        });
        bundle.bytes()
    };
    let bomb: Vec<_> = (0..70).map(|number| plot(&format!("{number}"), 8 << 20)).collect();
    let many: Vec<_> = (0..130).map(|number| plot(&format!("{number}"), 1)).collect();
    let mut attacks = spellings();
    attacks.extend(values);
    attacks.extend([
        path("signed path that climbs out", "../../etc/passwd"),
        path("signed path that climbs out of a folder of the model", "plots/../../x"),
        path("signed absolute path", "/etc/passwd"),
        path("signed path with a doubled slash", "plots//roc.svg"),
        path("signed path with a zero", "plots/roc.svg\0"),
        path("signed path into a folder", "plots/a/b"),
        path("signed path of a hidden file", "plots/.x"),
        path("signed path of the device's own file", "bundle.json"),
        attack("files that differ in case", adding(vec![plot("ROC.svg", 6)]), "B303"),
        attack("file larger than its kind", adding(vec![plot("a", (8 << 20) + 1)]), "B303"),
        attack("file of all bytes that there are", adding(vec![plot("a", u64::MAX)]), "B303"),
        attack("files larger than all may be", adding(bomb), "B303"),
        attack("more files than a model has", adding(many), "B303"),
    ]);
    attacks
}

#[test]
fn what_a_reader_may_pass_over_is_passed_over() {
    let parts = Parts::good().written(|text| text.replace(r#""extensions":{}"#, r#""extensions":{"note":[1,"x"]}"#));
    assert!(crate::world::take(&parts.bytes(), &crate::world::root(1), &crate::world::device()).is_ok());
}
