//! What a technician is told of files before a peer complains.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use secure_transport::{FileFault, inspect_authorities, inspect_pair};

use crate::authority::{Authority, Subject};

#[test]
fn a_pair_is_sound_its_own_and_says_how_long() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let (certificate, key) = authority.issue(&Subject::default()).write(folder.path(), "ours");
    let facts = inspect_pair(&certificate, &key).unwrap().unwrap();
    assert!(facts.is_valid(SystemTime::now()) && facts.days_left(SystemTime::now()) > 365);
    let late = Subject { years: (2001, 2002), ..Subject::default() };
    let (late, late_key) = authority.issue(&late).write(folder.path(), "late");
    assert!(inspect_pair(&late, &late_key).unwrap().unwrap().days_left(SystemTime::now()) < 0);
    assert!(matches!(inspect_pair(&certificate, &late_key), Err(FileFault::OtherKey(path)) if path == late_key));
    assert!(matches!(inspect_pair(&key, &key), Err(FileFault::NoCertificate(_))));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(inspect_pair(&certificate, &key), Err(FileFault::OpenKey(_))));
    assert!(matches!(inspect_pair(&folder.path().join("none"), &key), Err(FileFault::Unreadable(..))));
}

#[test]
fn of_several_authorities_the_one_that_lasts_longest_counts() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let file = authority.write(folder.path(), "ca.pem");
    let alone = inspect_authorities(&file).unwrap().unwrap();
    let late = Subject { years: (2001, 2002), ..Subject::default() };
    fs::write(&file, authority.issue(&late).certificate_pem + &authority.pem()).unwrap();
    assert_eq!(inspect_authorities(&file).unwrap().unwrap(), alone);
    fs::write(&file, "nothing").unwrap();
    assert!(matches!(inspect_authorities(&file), Err(FileFault::NoCertificate(_))));
}
