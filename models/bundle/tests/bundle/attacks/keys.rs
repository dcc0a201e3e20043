//! Who signed: wrong, revoked, unknown and doubled keys, and key sets that nobody has reason to follow.

use bundle::{Root, Signatures, SignedRoot};

use super::{Attack, attack};
use crate::world::{Parts, device, id, key, keys, known, revoking, root, signed, with_release, with_root_keys};

/// A device with another key set than the usual one.
fn with_trust(name: &str, parts: &Parts, root: Root, code: &'static str) -> Attack {
    Attack { root, ..attack(name, parts.bytes(), code) }
}

fn signatures() -> Vec<Attack> {
    let good = Parts::good;
    let own = Signatures::of(&good().manifest, &keys(&[11]));
    let other = Signatures::of(b"something else", &keys(&[11]));
    let two = || with_release(root(1), &[11, 12], 2);
    // The name of a trusted key over the signature of another one.
    let forged = serde_json::to_string(&Signatures::of(&good().manifest, &keys(&[99]))).unwrap();
    let forged = forged.replace(&id(99).to_string(), &id(11).to_string());
    let forged = Parts { signatures: serde_json::from_str(&forged).unwrap(), ..good() };
    let cut = serde_json::to_string(&own).unwrap();
    let cut = Signatures::parse(format!("{}{}", &cut[..cut.len() - 5], &cut[cut.len() - 3..]).as_bytes()).unwrap();
    let many = (0..65).fold(Signatures::default(), |all, _| all.and(own.clone()));
    let tampered = Parts { signatures: own.clone(), ..good().saying(|manifest| manifest.sequence = 18) };
    vec![
        attack("wrong key", good().signed_by(&[99]).bytes(), "B202"),
        attack("wrong key under a trusted name", forged.bytes(), "B202"),
        attack("key for key sets", good().signed_by(&[1, 2]).bytes(), "B202"),
        attack("key for permissions", good().signed_by(&[21]).bytes(), "B202"),
        attack("nobody's signature", good().signed_by(&[]).bytes(), "B202"),
        attack("signature of another text", Parts { signatures: other, ..good() }.bytes(), "B202"),
        attack("signature that lacks a byte", Parts { signatures: cut, ..good() }.bytes(), "B202"),
        attack("tampered manifest", tampered.bytes(), "B202"),
        attack("more signatures than a bundle has", Parts { signatures: many, ..good() }.bytes(), "B201"),
        with_trust("one signature where two are asked for", &good(), two(), "B202"),
        with_trust("one signature twice", &Parts { signatures: own.clone().and(own), ..good() }, two(), "B202"),
        with_trust("one key of two, and two others", &good().signed_by(&[11, 1, 99]), two(), "B202"),
        with_trust("revoked key", &good(), revoking(root(1), &[11]), "B203"),
        with_trust(
            "revoked key that the key set does not hold",
            &good().signed_by(&[55]),
            revoking(root(1), &[55]),
            "B203",
        ),
        with_trust(
            "revoked key and too few others",
            &good().signed_by(&[11, 12]),
            revoking(with_release(root(1), &[11, 12, 13], 2), &[11]),
            "B203",
        ),
    ]
}

/// A bundle that brings key sets and is signed by `release`.
fn bringing(roots: Vec<SignedRoot>, release: u8) -> Parts {
    Parts { roots, ..Parts::good().signed_by(&[release]) }
}

fn key_sets() -> Vec<Attack> {
    let evil = |version| with_release(root(version), &[66], 1);
    let both = &[1, 2][..];
    let one = |name: &str, root: SignedRoot| attack(name, bringing(vec![root], 66).bytes(), "B204");
    let mut empty = evil(2);
    empty.keys.clear();
    empty.roles.release.keys.clear();
    empty.roles.root.keys.clear();
    empty.roles.emergency.keys.clear();
    let mut nought = evil(2);
    nought.roles.release.threshold = 0;
    let mut beyond = evil(2);
    beyond.roles.release.threshold = 2;
    let mut renamed = evil(2);
    renamed.keys.insert(id(66), key(67).public());
    let mut doubled = evil(2);
    doubled.roles.release.keys = vec![id(66), id(66)];
    doubled.roles.release.threshold = 2;
    let mut unknown = evil(2);
    unknown.keys.remove(&id(66));
    let mut format = evil(2);
    format.format = "mamoru-root/2".into();
    let mut lied = signed(&evil(3), both);
    lied.version = 2;
    let mut spaced = signed(&evil(2), both);
    spaced.root.push(b'\n');
    spaced.signatures = Signatures::of(&spaced.root, &keys(both)).to_bytes().unwrap();
    let mut swapped = signed(&evil(2), both);
    swapped.signatures = signed(&root(2), both).signatures;
    let mut unsigned = signed(&evil(2), both);
    unsigned.signatures = b"{}".to_vec();
    let taken_over = with_root_keys(evil(2), &[7, 8], 2);
    vec![
        one("key set that only its own keys signed", signed(&taken_over, &[7, 8])),
        one("key set that only the old keys signed", signed(&taken_over, both)),
        one("key set that one of two old keys signed", signed(&evil(2), &[1])),
        one("key set that one old key signed twice", signed(&evil(2), &[1, 1])),
        one("key set that releases' keys signed", signed(&evil(2), &[11, 12])),
        one("key set with the signatures of another one", swapped),
        one("key set with signatures of no form", unsigned),
        one("key set that skips one", signed(&evil(3), both)),
        one("key set under another one's number", lied),
        one("key set that is not canonical", spaced),
        one("key set without keys", signed(&empty, both)),
        one("key set with a threshold of nought", signed(&nought, both)),
        one("key set with a threshold that cannot be reached", signed(&beyond, both)),
        one("key set that names a key by another one's name", signed(&renamed, both)),
        one("key set that counts a key twice", signed(&doubled, both)),
        one("key set with a role for a key that it lacks", signed(&unknown, both)),
        one("key set of another format", signed(&format, both)),
        one("key set that revokes the only key for releases", signed(&revoking(evil(2), &[66]), both)),
    ]
}

pub fn attacks() -> Vec<Attack> {
    let mut attacks = signatures();
    attacks.extend(key_sets());
    let both = &[1, 2][..];
    let next = |version| signed(&root(version), both);
    let chain = |versions: std::ops::RangeInclusive<u32>| versions.map(next).collect::<Vec<_>>();
    let taken_back = revoking(root(1), &[12]);
    let revoked = signed(&revoking(root(2), &[11]), both);
    let mut oversized = next(2);
    oversized.root = vec![b' '; (64 << 10) + 1];
    attacks.extend([
        attack("key sets out of order", bringing(vec![next(3), next(2)], 11).bytes(), "B205"),
        attack("key set that is there twice", bringing(vec![next(2), next(2)], 11).bytes(), "B205"),
        attack("more key sets than a bundle has", bringing(chain(2..=34), 11).bytes(), "B205"),
        attack("oversized key set", bringing(vec![oversized], 11).bytes(), "B106"),
        attack("key that the bundle's own key set revokes", bringing(vec![revoked], 11).bytes(), "B203"),
        with_trust("key set that takes a revocation back", &bringing(vec![next(2)], 12), taken_back, "B204"),
        with_trust(
            "key that was taken out of its role",
            &bringing(vec![signed(&with_release(root(2), &[12], 1), both)], 11),
            root(1),
            "B202",
        ),
        with_trust(
            "key set of the past in place of the device's",
            &bringing(chain(2..=2), 11),
            with_release(Root { keys: known(&[1, 2, 11, 12, 21]), ..root(3) }, &[12], 1),
            "B202",
        ),
    ]);
    attacks
}

#[test]
fn the_same_with_trusted_keys_is_taken() {
    let two = with_release(root(1), &[11, 12], 2);
    assert!(crate::world::take(&Parts::good().signed_by(&[11, 12]).bytes(), &two, &device()).is_ok());
    let extra = Parts::good().signed_by(&[99, 12, 1]);
    assert!(crate::world::take(&extra.bytes(), &root(1), &device()).is_ok(), "unknown keys harm nothing");
}
