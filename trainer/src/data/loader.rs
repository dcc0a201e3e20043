//! Batches in order, loaded ahead by threads.
//!
//! Thread `t` of `n` makes batches `t`, `t + n`, ... and waits when it is [`AHEAD`] batches ahead, so that memory is
//! bounded; the reader takes from the threads in turn, so that order does not depend on their speed.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

use crate::error::Result;

/// How many finished batches a thread holds.
const AHEAD: usize = 2;

/// Loads batches on threads of a scope.
#[derive(Debug)]
pub struct Loader {
    threads: Vec<Receiver<Result<Vec<u8>>>>,
    batches: usize,
    taken: usize,
    waited: Duration,
}

impl Loader {
    /// Starts `threads` threads that load `batches`: lists of items, each of which `load` appends to a batch's bytes.
    pub fn start<'scope, 'env, Item, Load>(
        scope: &'scope Scope<'scope, 'env>,
        threads: usize,
        batches: &'env [Vec<Item>],
        load: &'env Load,
    ) -> Self
    where
        Item: Sync,
        Load: Fn(&Item, &mut Vec<u8>) -> Result<()> + Sync,
    {
        let threads = threads.clamp(1, batches.len().max(1));
        let receivers = (0..threads).map(|first| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || make(batches.iter().skip(first).step_by(threads), load, &sender));
            receiver
        });
        Self { threads: receivers.collect(), batches: batches.len(), taken: 0, waited: Duration::ZERO }
    }

    /// How long [`Iterator::next`] has waited for a batch in all: the time for which the network starved.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Loader {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken == self.batches {
            return None;
        }
        let start = Instant::now();
        let batch = self.threads[self.taken % self.threads.len()].recv().ok()?;
        self.waited += start.elapsed();
        self.taken += 1;
        Some(batch)
    }
}

fn make<'batch, Item: 'batch, Load>(
    batches: impl Iterator<Item = &'batch Vec<Item>>,
    load: &Load,
    sender: &SyncSender<Result<Vec<u8>>>,
) where
    Load: Fn(&Item, &mut Vec<u8>) -> Result<()>,
{
    for batch in batches {
        let mut bytes = Vec::new();
        let result = batch.iter().try_for_each(|item| load(item, &mut bytes)).map(|()| bytes);
        let failed = result.is_err();
        // The reader is gone when the run stops early.
        if sender.send(result).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::TrainerError;

    #[test]
    fn batches_come_in_order_from_any_number_of_threads() {
        let batches: Vec<Vec<u8>> = (0..50).map(|batch| vec![batch; 3]).collect();
        let load = |item: &u8, bytes: &mut Vec<u8>| -> Result<()> {
            bytes.push(*item);
            Ok(())
        };
        for threads in [1, 3, 64] {
            std::thread::scope(|scope| {
                let loaded: Vec<_> = Loader::start(scope, threads, &batches, &load).map(Result::unwrap).collect();
                assert_eq!(loaded, batches);
            });
        }
    }

    #[test]
    fn an_error_arrives_in_its_place_and_stopping_early_ends_the_threads() {
        let batches: Vec<Vec<u8>> = (0..50).map(|batch| vec![batch]).collect();
        let load = |item: &u8, _: &mut Vec<u8>| {
            if *item == 3 { Err(TrainerError::data(Path::new("x"), "broken")) } else { Ok(()) }
        };
        std::thread::scope(|scope| {
            let mut loader = Loader::start(scope, 2, &batches, &load);
            assert!(loader.by_ref().take(3).all(|batch| batch.is_ok()));
            assert!(loader.next().unwrap().is_err());
        });
    }
}
