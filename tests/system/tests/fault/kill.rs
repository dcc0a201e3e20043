//! SIGKILL at random moments.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use phantom::Size;
use system_tests::{Answer, Device, Instance, Oracle, Pacs, Settings, exam, excluded_exam, send, send_each};

use crate::{SETTLED_WITHIN, assert_kept, verdict};

const SEED: u64 = 7;
const ROUNDS: u64 = 30;
/// Every so many rounds an exam for the network comes, which takes seconds; the others are decided by their headers.
const ROUNDS_PER_SCORED_EXAM: u64 = 6;
/// Every so many rounds the device is killed while it starts, which is where most of a round's time goes.
const ROUNDS_PER_KILL_AT_START: u64 = 3;
/// From the last awaited acknowledgement to the kill.
const MOMENT_MS_MAX: u64 = 1_500;

/// A device, a PACS, and everything that was sent so far.
struct World<'a> {
    folder: &'a Path,
    device: Device,
    pacs: Pacs,
    oracle: Oracle,
    sent: Vec<Instance>,
    /// How long the first start took.
    start: Duration,
    /// How long all starts took that were waited for.
    starting: Duration,
}

#[test]
fn sigkill_at_random_moments_under_load_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let pacs = Pacs::new(&folder.path().join("pacs"));
    let settings = Settings::new(folder.path()).with_pacs(pacs.address());
    let mut device = Device::new(folder.path(), settings);
    let begun = Instant::now();
    let start = device.start();
    device.kill();
    let mut world = World {
        folder: folder.path(),
        device,
        pacs,
        oracle: Oracle::default(),
        sent: Vec::new(),
        start,
        starting: start,
    };
    for round in 0..ROUNDS {
        let mut rng = Rng::with_seed(SEED * 1_000 + round);
        match round % 5 {
            2 => world.pacs.full(),
            4 => world.pacs.hanging_up(),
            _ => world.pacs.up(),
        }
        if round % ROUNDS_PER_KILL_AT_START == 1 {
            world.kill_at_start(&mut rng);
        } else {
            world.kill_under_load(round, &mut rng);
        }
    }
    let killed = begun.elapsed();
    world.pacs.up();
    world.finish();
    println!(
        "{ROUNDS} kills (seed {SEED}) in {killed:.1?}, of which {:.1?} starting; {} instances sent, {} acknowledged; {:.1?} in all",
        world.starting,
        world.sent.len(),
        world.oracle.obligations(),
        begun.elapsed()
    );
}

impl World<'_> {
    /// Killed anywhere between the start of the process and a little after it is ready: recovery is interrupted too.
    fn kill_at_start(&mut self, rng: &mut Rng) {
        self.device.spawn();
        let moment = self.start.mul_f64(rng.f64());
        let _ = self.device.is_ready_within(moment);
        self.starting += moment;
        self.device.kill();
    }

    /// Two modalities send, old and new; after some acknowledgements and a random moment the device is killed.
    fn kill_under_load(&mut self, round: u64, rng: &mut Rng) {
        self.starting += self.device.start();
        let first = self.batch(round * 10, round.is_multiple_of(ROUNDS_PER_SCORED_EXAM));
        let mut second = self.batch(round * 10 + 1, false);
        second.extend(self.batch(round * 10 + 2, false));
        // What was not answered is sent again, and a little of what was.
        let again = |instance: &&Instance| !self.oracle.is_owed(instance) || rng.u8(..16) == 0;
        let again: Vec<Instance> = self.sent.iter().filter(again).cloned().collect();
        second.splice(0..0, again);
        for instance in first.iter().chain(&second) {
            if self.sent.iter().all(|sent| sent.key != instance.key) {
                self.sent.push(instance.clone());
            }
        }
        let address = self.device.address();
        // Held to the end, so that hearing waits for the moment also when there is nothing more to hear.
        let (sender, answers) = channel();
        let all = first.len() + second.len();
        let senders = [first, second].map(|batch| {
            let sender = sender.clone();
            thread::spawn(move || {
                send_each(address, &batch, |instance, answer| sender.send((instance.clone(), answer)).unwrap());
            })
        });
        let awaited = rng.usize(..=all);
        self.hear(&answers, awaited, Duration::from_secs(60));
        self.hear(&answers, usize::MAX, Duration::from_millis(rng.u64(..MOMENT_MS_MAX)));
        self.device.kill();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        self.hear(&answers, usize::MAX, Duration::ZERO);
        // At every moment: nothing is reported that was not sent, and no revision is missing.
        let lost = |fault: &String| fault.ends_with("in the reports of []");
        let faults: Vec<_> =
            verdict(&self.oracle, &self.device, None).into_iter().filter(|fault| !lost(fault)).collect();
        assert!(faults.is_empty(), "seed {SEED}, round {round}: {}", faults.join("\n"));
    }

    fn batch(&self, seed: u64, is_scored: bool) -> Vec<Instance> {
        if is_scored { exam(self.folder, seed, Size::Small) } else { excluded_exam(self.folder, seed) }
    }

    /// Hears at most `count` answers until `limit` has passed.
    fn hear(&mut self, answers: &Receiver<(Instance, Answer)>, count: usize, limit: Duration) {
        let deadline = Instant::now() + limit;
        for _ in 0..count {
            let Ok((instance, answer)) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            else {
                return;
            };
            self.oracle.hear(&instance, answer);
        }
    }

    /// The modalities send what they still have; everything comes to its end, and fresh work flows.
    fn finish(&mut self) {
        self.device.start();
        let left: Vec<Instance> = self.sent.iter().filter(|sent| !self.oracle.is_owed(sent)).cloned().collect();
        self.oracle.hear_all(&left, &send(self.device.address(), &left));
        assert_eq!(self.oracle.obligations(), self.sent.len(), "seed {SEED}: all is acknowledged in the end");
        self.device.settle(SETTLED_WITHIN);
        let faults = verdict(&self.oracle, &self.device, Some(&self.pacs));
        assert!(faults.is_empty(), "seed {SEED}, after {ROUNDS} rounds: {}", faults.join("\n"));
        let fresh = exam(self.folder, 999, Size::Small);
        self.oracle.hear_all(&fresh, &send(self.device.address(), &fresh));
        self.device.settle(SETTLED_WITHIN);
        assert_kept(&self.oracle, &self.device, Some(&self.pacs));
        assert_eq!(self.oracle.obligations(), self.sent.len() + fresh.len());
    }
}
