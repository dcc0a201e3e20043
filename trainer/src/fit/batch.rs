//! What an epoch's batches hold, and which of it this process computes.

use super::session::Session;
use crate::sampler;
use crate::seed::{Purpose, generator};

/// One image of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Its place among the training samples.
    pub(super) sample: usize,
    /// Its number in the batch: what is drawn for it follows from this number, whoever computes it.
    pub(super) number: u64,
    /// Which augmented variant of its kept features, counted from 1; without features of no meaning.
    pub(super) variant: u32,
}

/// Images of a batch that go through the network at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// The first image's number in the batch.
    pub(super) number: u64,
    /// How many.
    pub(super) images: i64,
}

/// A batch, as one process sees it.
#[derive(Debug)]
pub(super) struct Batch {
    /// Images of all processes together.
    pub(super) images: usize,
    /// Passes of this process.
    pub(super) passes: Vec<Range>,
    /// Images of this process, in the order of its passes.
    pub(super) items: Vec<Item>,
}

/// The epoch's batches, with this process's share of each.
pub(super) fn plan(session: &Session<'_>) -> Vec<Batch> {
    let config = &session.config;
    let epoch = session.state.epoch;
    let drawn = sampler::epoch(&session.breasts, config.batch.breasts, config.seed, epoch);
    let batches = drawn.into_iter().enumerate().map(|(number, breasts)| {
        let place = [u64::from(epoch), number as u64];
        let mut variants = generator(config.seed, Purpose::Variant, &place);
        let samples = breasts.into_iter().flat_map(|breast| session.breasts[breast].images.iter().copied());
        let mut variant = || variants.u32(0..config.data.cache_features.max(1)) + 1;
        let items: Vec<Item> =
            (0..).zip(samples).map(|(number, sample)| Item { sample, number, variant: variant() }).collect();
        let takers = session.group.size() * config.batch.workers;
        let all = passes(items.len() as i64, config.batch.images_per_pass as i64, takers as i64);
        share(items, all, session.group.rank(), session.group.size())
    });
    batches.collect()
}

/// Every `size`-th pass, from the `rank`-th on.
fn share(items: Vec<Item>, all: Vec<Range>, rank: usize, size: usize) -> Batch {
    let passes: Vec<Range> = all.into_iter().skip(rank).step_by(size).collect();
    let of_pass = |pass: &Range| items[pass.number as usize..][..pass.images as usize].to_vec();
    Batch { images: items.len(), items: passes.iter().flat_map(of_pass).collect(), passes }
}

/// Passes of nearly equal length, none above `most` images, 0 is no limit, and as many for each of `takers` while there
/// are images.
fn passes(images: i64, most: i64, takers: i64) -> Vec<Range> {
    let count = if most == 0 { 1 } else { (images + most - 1) / most };
    let count = ((count + takers - 1) / takers * takers).min(images);
    let start = |pass: i64| pass * images / count;
    let range = |pass: i64| Range { number: start(pass).cast_unsigned(), images: start(pass + 1) - start(pass) };
    (0..count).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(images: i64, most: i64, takers: i64) -> Vec<(u64, i64)> {
        passes(images, most, takers).into_iter().map(|range| (range.number, range.images)).collect()
    }

    #[test]
    fn passes_cover_all_images_evenly() {
        assert_eq!(lengths(17, 8, 1), [(0, 5), (5, 6), (11, 6)]);
        assert_eq!(lengths(16, 8, 1), [(0, 8), (8, 8)]);
        assert_eq!(lengths(5, 0, 1), [(0, 5)]);
        assert_eq!(lengths(5, 0, 2), [(0, 2), (2, 3)]);
        assert_eq!(lengths(1, 0, 4), [(0, 1)]);
        assert_eq!(lengths(9, 4, 2), [(0, 2), (2, 2), (4, 2), (6, 3)]);
    }

    #[test]
    fn every_image_has_one_process() {
        let items = || (0..17).map(|number| Item { sample: 0, number, variant: 1 }).collect::<Vec<_>>();
        let mut seen = Vec::new();
        for rank in 0..3 {
            let batch = share(items(), passes(17, 4, 3), rank, 3);
            assert_eq!(batch.images, 17);
            assert_eq!(batch.passes.iter().map(|pass| pass.images).sum::<i64>() as usize, batch.items.len());
            seen.extend(batch.items.iter().map(|item| item.number));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..17).collect::<Vec<_>>());
    }
}
