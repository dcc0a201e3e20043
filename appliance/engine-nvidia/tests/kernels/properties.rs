//! Any image and any spec, on the host.

use proptest::prelude::*;

use crate::cases::any_case;
use crate::host::{Build, Host};
use crate::reference::check;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn the_source_gives_the_references_bits(seed: u64) {
        if let Some(host) = Host::new(Build::Plain) {
            let case = any_case(seed, 60);
            prop_assert_eq!(check(&host, &case), Ok(()), "{:?} {:?}", case.spec, case.image.header());
        }
    }

    #[test]
    fn the_order_of_lanes_and_blocks_changes_nothing(seed: u64) {
        if let Some(host) = Host::new(Build::Plain) {
            let case = any_case(seed, 60);
            prop_assert_eq!(check(&host.backwards(), &case), Ok(()), "{:?} {:?}", case.spec, case.image.header());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    // Several pixels in a cell of the coarse grid, several blocks of every kernel.
    #[test]
    fn larger_images_too(seed: u64) {
        if let Some(host) = Host::new(Build::Plain) {
            let case = any_case(seed, 900);
            prop_assert_eq!(check(&host, &case), Ok(()), "{:?} {:?}", case.spec, case.image.header());
        }
    }
}
