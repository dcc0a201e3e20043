//! Key sets that follow each other, and devices that are behind.

use bundle::{Root, RootFault};

use crate::world::{Parts, device, keys, revoking, root, signed, take, with_release, with_root_keys};

/// 2: the key for releases was lost and is revoked; 3: new keys for key sets.
fn chain() -> [(Root, bundle::SignedRoot); 2] {
    let second = revoking(with_release(root(2), &[12, 13], 1), &[11]);
    let third = with_root_keys(revoking(with_release(root(3), &[13], 1), &[11]), &[3, 4], 2);
    let signed = [signed(&second, &[1, 2]), signed(&third, &[1, 2, 3, 4])];
    let [one, two] = signed;
    [(second, one), (third, two)]
}

#[test]
fn a_device_follows_from_wherever_it_is() {
    let [(second, one), (third, two)] = chain();
    let parts = Parts { roots: vec![one.clone(), two.clone()], ..Parts::good().signed_by(&[13]) };
    let bytes = parts.bytes();
    for (trusted, new) in
        [(root(1), vec![one.clone(), two.clone()]), (second.clone(), vec![two.clone()]), (third.clone(), vec![])]
    {
        let opened = bundle::open(&bytes[..], &trusted, &device()).unwrap();
        assert_eq!(opened.root, third);
        assert_eq!(opened.new_roots, new);
        assert!(take(&bytes, &trusted, &device()).is_ok());
    }
    // What the present keys signed a device that is behind cannot know without the chain.
    assert_eq!(take(&Parts::good().signed_by(&[13]).bytes(), &root(1), &device()).unwrap_err().code(), "B202");
    // And the lost key signs for nobody who followed.
    assert_eq!(take(&Parts::good().bytes(), &second, &device()).unwrap_err().code(), "B203");
    // A chain that begins behind what the device has is of no use to it.
    let gap = Parts { roots: vec![two], ..Parts::good().signed_by(&[13]) };
    assert_eq!(take(&gap.bytes(), &root(1), &device()).unwrap_err().code(), "B204");
}

#[test]
fn a_revoked_key_for_key_sets_counts_for_nothing() {
    let three = with_root_keys(root(1), &[1, 2, 3], 2);
    let one_lost = revoking(three.clone(), &[3]);
    let next = with_root_keys(revoking(root(2), &[3]), &[1, 2], 2);
    assert!(one_lost.follow(&signed(&next, &[1, 2])).is_ok());
    let refused = one_lost.follow(&signed(&next, &[1, 3]));
    assert!(matches!(refused, Err(RootFault::Threshold { valid: 1, needed: 2, .. })), "{refused:?}");
    assert!(three.follow(&signed(&next, &[1, 2, 3])).is_ok());
}

#[test]
fn the_first_key_set_is_held_to_the_same_values() {
    let bytes = root(1).to_bytes().unwrap();
    assert_eq!(Root::parse(&bytes).unwrap(), root(1));
    for broken in [&bytes[1..], &[&bytes[..], b" "].concat(), b"", &vec![b' '; 70_000]] {
        assert!(Root::parse(broken).is_err());
    }
    let mut unusable = root(1);
    unusable.roles.release.threshold = 3;
    assert!(unusable.to_bytes().is_err(), "a key set that no device takes was written");
    assert!(!keys(&[1]).is_empty());
}
