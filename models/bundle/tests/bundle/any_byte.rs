//! Whatever is done to a bundle's bytes, a device takes what the maker signed or nothing.

use std::sync::LazyLock;

use bundle::Root;
use contract::Digest;
use proptest::prelude::*;

use crate::world::{Parts, device, root, signed, take, with_release};

/// A bundle with a key set and two signatures of which one would do: more places to change than the shortest one has.
static RICH: LazyLock<(Parts, Vec<u8>)> = LazyLock::new(|| {
    let next = with_release(root(2), &[11, 13], 1);
    let parts = Parts { roots: vec![signed(&next, &[1, 2])], ..Parts::good().signed_by(&[11, 13]) };
    let bytes = parts.bytes();
    (parts, bytes)
});

static ROOT: LazyLock<Root> = LazyLock::new(|| root(1));

/// Whether the bundle is taken; then it must be the one that was signed.
fn is_taken(bytes: &[u8]) -> bool {
    let Ok((digest, files)) = take(bytes, &ROOT, &device()) else { return false };
    assert_eq!(digest, Digest::of(&RICH.0.manifest), "another manifest");
    assert_eq!(files, RICH.0.files, "other files");
    true
}

#[test]
fn every_byte_that_is_changed() {
    let mut bytes = RICH.1.clone();
    let mut taken = 0;
    for index in 0..bytes.len() {
        let change = 1 << (index % 8);
        bytes[index] ^= change;
        taken += usize::from(is_taken(&bytes));
        bytes[index] ^= change;
    }
    assert!(is_taken(&bytes));
    // Only within the signatures of which one would do.
    assert!(taken > 0 && taken < 2 * 64 * 2 * 2, "{taken} changes were taken");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn several_changes_at_once(edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..6)) {
        let mut bytes = RICH.1.clone();
        for (index, kind, value) in edits {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = value,
                1 => bytes.insert(at, value),
                2 => drop(bytes.remove(at)),
                _ => {
                    // Blocks change places.
                    let (one, two) = (at / 512 * 512, usize::from(value) * 512 % bytes.len() / 512 * 512);
                    (0..512).filter(|offset| one.max(two) + offset < bytes.len()).collect::<Vec<_>>().into_iter()
                        .for_each(|offset| bytes.swap(one + offset, two + offset));
                }
            }
        }
        is_taken(&bytes);
    }

    #[test]
    fn bytes_of_any_kind(bytes in prop::collection::vec(any::<u8>(), 0..4_096)) {
        prop_assert!(take(&bytes, &ROOT, &device()).is_err());
        prop_assert!(bundle::Root::parse(&bytes).is_err());
        prop_assert!(bundle::inspect(&bytes[..]).is_err());
    }
}
