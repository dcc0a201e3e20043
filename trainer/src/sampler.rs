//! Which breasts a batch holds.
//!
//! As in the reference a batch is all images of some prediction ids, drawn with replacement so that both classes are
//! equally likely (`WeightedRandomSampler` with one over the class's size); an epoch draws as many as there are.

use std::collections::BTreeMap;

use crate::data::Usable;
use crate::seed::{Purpose, generator};

/// One breast: where its images stand among the samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breast {
    /// Prediction id.
    pub name: String,
    /// Cancer.
    pub label: bool,
    /// Indices of its images.
    pub images: Vec<usize>,
}

/// The breasts of some samples, in the order of their names.
#[must_use]
pub fn breasts<'a>(samples: impl IntoIterator<Item = (usize, &'a Usable)>) -> Vec<Breast> {
    let mut breasts: BTreeMap<&str, Breast> = BTreeMap::new();
    for (index, usable) in samples {
        let name = usable.sample.breast.as_str();
        let new = || Breast { name: name.into(), label: usable.sample.label, images: Vec::new() };
        breasts.entry(name).or_insert_with(new).images.push(index);
    }
    breasts.into_values().collect()
}

/// The batches of an epoch, each with the indices of its breasts.
///
/// With breasts of one class only, that class is drawn.
#[must_use]
pub fn epoch(breasts: &[Breast], per_batch: usize, seed: u64, epoch: u32) -> Vec<Vec<usize>> {
    let of_class = |label: bool| -> Vec<usize> {
        breasts.iter().enumerate().filter(|(_, breast)| breast.label == label).map(|(index, _)| index).collect()
    };
    let classes = [of_class(false), of_class(true)];
    let mut generator = generator(seed, Purpose::Sampler, &[u64::from(epoch)]);
    let mut draw = || {
        let drawn = &classes[usize::from(generator.bool())];
        let class = if drawn.is_empty() { classes.iter().find(|class| !class.is_empty()) } else { Some(drawn) };
        class.map_or(0, |class| class[generator.usize(..class.len())])
    };
    let drawn: Vec<usize> = (0..breasts.len()).map(|_| draw()).collect();
    drawn.chunks(per_batch.max(1)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: usize, positive_every: usize) -> Vec<Breast> {
        let breast = |index: usize| Breast {
            name: format!("{index}_L"),
            label: index.is_multiple_of(positive_every),
            images: vec![index],
        };
        (0..count).map(breast).collect()
    }

    #[test]
    fn classes_are_equally_likely_and_all_of_a_class_alike() {
        let breasts = some(1000, 50);
        let mut counts = vec![0_u32; breasts.len()];
        for number in 0..100 {
            for batch in epoch(&breasts, 8, 1, number) {
                batch.into_iter().for_each(|index| counts[index] += 1);
            }
        }
        let positive: u32 = (0..1000).step_by(50).map(|index| counts[index]).sum();
        assert!((49_000..51_000).contains(&positive), "{positive} of 100,000");
        // 20 positive breasts share about 50,000 draws.
        assert!((0..1000).step_by(50).all(|index| (2300..2700).contains(&counts[index])));
    }

    #[test]
    fn an_epoch_follows_from_seed_and_number() {
        let breasts = some(30, 3);
        assert_eq!(epoch(&breasts, 8, 1, 2), epoch(&breasts, 8, 1, 2));
        assert_ne!(epoch(&breasts, 8, 1, 2), epoch(&breasts, 8, 1, 3));
        let sizes: Vec<usize> = epoch(&breasts, 8, 1, 2).iter().map(Vec::len).collect();
        assert_eq!(sizes, [8, 8, 8, 6]);
    }

    #[test]
    fn one_class_alone_and_nothing_are_drawn_without_fault() {
        assert_eq!(epoch(&some(4, 1), 8, 1, 0)[0].len(), 4);
        assert!(epoch(&[], 8, 1, 0).is_empty());
    }
}
