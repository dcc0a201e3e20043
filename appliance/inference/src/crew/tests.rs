use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use contract::GoldenVector;

use super::*;
use crate::conformance::test_image;
use crate::fake::{Counts, FakeEngine, Fault, fake_model};
use crate::golden::input;
use crate::scorer::{ScoreFailure, Scorer};

/// What the fakes say without a fault.
fn golden() -> Golden {
    let model = fake_model();
    let mut loaded = FakeEngine::new(Fault::None).load(&model).unwrap();
    let outputs = loaded.run(&input(model.manifest(), 1)).unwrap();
    let (logit, probability, cam) = (outputs.logit, outputs.probability, outputs.cam.values);
    Golden { tolerance: 1e-3, vectors: vec![GoldenVector { seed: 1, logit, probability, cam }] }
}

/// A scorer with an engine `gpu` and a second one `cpu`, and everything that a test may turn or look at.
struct Bench {
    scorer: Scorer,
    gpu: Arc<Counts>,
    cpu: Arc<Counts>,
    now: Arc<Mutex<Instant>>,
    told: Arc<Mutex<Vec<EngineHealth>>>,
}

#[derive(Clone, Copy)]
enum Use {
    FromStart,
    WhenLost,
    Never,
}

impl Bench {
    fn new((gpu, cpu): (Fault, Fault), usage: Use) -> Self {
        let (gpu, cpu) = (FakeEngine::named("gpu", gpu), FakeEngine::named("cpu", cpu));
        let (gpu_counts, cpu_counts) = (Arc::clone(&gpu.counts), Arc::clone(&cpu.counts));
        let (from_start, when_lost) = (matches!(usage, Use::FromStart), matches!(usage, Use::WhenLost));
        let second = Some(Second { engine: Box::new(cpu), from_start, when_lost });
        let engines = Engines { second, ..Engines::only(Box::new(gpu)) };
        let now = Arc::new(Mutex::new(Instant::now()));
        let told: Arc<Mutex<Vec<EngineHealth>>> = Arc::default();
        let (clock, heard) = (Arc::clone(&now), Arc::clone(&told));
        let scorer = Scorer::new(engines, fake_model(), 0.0, Some(golden()))
            .watched_by(Box::new(move |health| heard.lock().unwrap().push(health)))
            .with_clock(Box::new(move || *clock.lock().unwrap()));
        Self { scorer, gpu: gpu_counts, cpu: cpu_counts, now, told }
    }

    /// One that is ready on `gpu`.
    fn ready(cpu: Fault, usage: Use) -> Self {
        let mut bench = Self::new((Fault::None, cpu), usage);
        bench.scorer.prepare().unwrap();
        bench
    }

    /// Who scored the test image, or the code of the failure.
    fn score(&mut self) -> String {
        match self.scorer.score(&test_image().unwrap()) {
            Ok(scored) => scored.engine,
            Err(failure) => failure.code().into(),
        }
    }

    fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }

    fn gpu_is_gone(&self, is_gone: bool) {
        self.gpu.is_gone.store(is_gone, Ordering::Relaxed);
    }

    fn last(&self) -> EngineHealth {
        self.told.lock().unwrap().last().cloned().unwrap()
    }

    fn loads(&self) -> (u32, u32) {
        (self.gpu.loads.load(Ordering::Relaxed), self.cpu.loads.load(Ordering::Relaxed))
    }
}

fn ready(engine: &'static str, remark: Option<&str>) -> EngineHealth {
    EngineHealth::Ready { engine, description: "fake".into(), remark: remark.map(Into::into) }
}

#[test]
fn the_first_engine_scores_and_the_second_is_not_even_loaded() {
    let mut bench = Bench::ready(Fault::None, Use::WhenLost);
    assert_eq!(bench.score(), "gpu");
    assert_eq!((bench.last(), bench.loads()), (ready("gpu", None), (1, 0)));
}

#[test]
fn a_lost_engine_is_replaced_for_this_very_image_by_one_that_says_so() {
    let mut bench = Bench::ready(Fault::None, Use::WhenLost);
    bench.gpu_is_gone(true);
    assert_eq!([bench.score(), bench.score()], ["cpu in place of gpu", "cpu in place of gpu"]);
    let why = "it fell off the bus".into();
    assert_eq!(bench.last(), EngineHealth::StandingIn { engine: "cpu", in_place_of: "gpu", why });
    assert_eq!(bench.loads(), (1, 1), "loaded once, not for each image");
    assert_eq!(bench.scorer.engine(), "cpu in place of gpu");
}

#[test]
fn without_a_stand_in_images_fail_and_the_engine_is_not_asked_again_for_a_minute() {
    let mut bench = Bench::ready(Fault::None, Use::Never);
    bench.gpu_is_gone(true);
    assert_eq!(bench.score(), "ai_unavailable");
    bench.gpu_is_gone(false);
    bench.pass(AGAIN_AFTER - Duration::from_millis(1));
    let failure = bench.scorer.score(&test_image().unwrap()).unwrap_err();
    assert!(matches!(&failure, ScoreFailure::Unavailable(why) if why == "it fell off the bus"), "{failure}");
    assert_eq!(bench.last(), EngineHealth::Unavailable { why: "it fell off the bus".into() });
    bench.pass(Duration::from_millis(1));
    assert_eq!((bench.score().as_str(), bench.last(), bench.loads()), ("gpu", ready("gpu", None), (2, 0)));
}

#[test]
fn a_stand_in_stays_until_the_engine_is_back_and_then_goes() {
    let mut bench = Bench::ready(Fault::None, Use::WhenLost);
    bench.gpu_is_gone(true);
    assert_eq!(bench.score(), "cpu in place of gpu");
    bench.pass(AGAIN_AFTER);
    assert_eq!(bench.score(), "cpu in place of gpu", "it is still gone");
    bench.gpu_is_gone(false);
    assert_eq!(bench.score(), "cpu in place of gpu", "a minute since the last try has not passed");
    assert_eq!(bench.loads(), (1, 1));
    bench.pass(AGAIN_AFTER);
    assert_eq!((bench.score().as_str(), bench.last()), ("gpu", ready("gpu", None)));
}

#[test]
fn a_stand_in_that_fails_the_golden_vectors_scores_nothing() {
    let mut bench = Bench::ready(Fault::WrongProbability, Use::WhenLost);
    bench.gpu_is_gone(true);
    assert_eq!(bench.score(), "ai_unavailable");
    let EngineHealth::Unavailable { why } = bench.last() else { panic!("{:?}", bench.last()) };
    assert!(why.starts_with("it fell off the bus; in its place cpu: golden vector 1"), "{why}");
}

#[test]
fn a_stand_in_that_panics_costs_one_image() {
    let mut bench = Bench::ready(Fault::AnalyzePanicsOnce, Use::WhenLost);
    bench.gpu_is_gone(true);
    // Its second run is that of the image: the first one was the golden vector.
    let scored = [bench.score(), bench.score()];
    assert_eq!(scored, ["engine_panicked", "cpu in place of gpu"]);
}

#[test]
fn an_engine_that_comes_back_and_computes_something_else_is_not_taken() {
    let mut bench = Bench::new((Fault::LoadsDiffer, Fault::None), Use::WhenLost);
    bench.scorer.prepare().unwrap();
    bench.gpu_is_gone(true);
    assert_eq!(bench.score(), "cpu in place of gpu");
    bench.gpu_is_gone(false);
    bench.pass(AGAIN_AFTER);
    assert_eq!(bench.score(), "cpu in place of gpu");
    assert_eq!(bench.loads().0, 2, "it was loaded, and held against the golden vectors");
}

#[test]
fn a_second_engine_from_the_start_scores_in_its_own_name_for_good() {
    let mut bench = Bench::new((Fault::NoDevice, Fault::None), Use::FromStart);
    bench.scorer.prepare().unwrap();
    assert_eq!(bench.last(), ready("cpu", Some("no device")));
    bench.pass(AGAIN_AFTER);
    assert_eq!((bench.score().as_str(), bench.loads()), ("cpu", (0, 1)));
}

#[test]
fn a_second_engine_for_the_start_alone_does_not_stand_in_later() {
    let mut bench = Bench::ready(Fault::None, Use::FromStart);
    bench.gpu_is_gone(true);
    assert_eq!(bench.score(), "ai_unavailable");
    // Nor after a panic, when the engine is made ready once more.
    assert_eq!(bench.loads().1, 0);
}

#[test]
fn an_engine_that_must_work_and_does_not_is_an_error_and_its_stand_in_can_be_made_ready() {
    let mut bench = Bench::new((Fault::NoDevice, Fault::None), Use::WhenLost);
    assert!(matches!(bench.scorer.prepare(), Err(LoadFailure::Unavailable(_))));
    assert_eq!((bench.last(), bench.loads()), (EngineHealth::Unavailable { why: "no device".into() }, (0, 0)));
    bench.scorer.stand_by().unwrap();
    assert!(matches!(bench.last(), EngineHealth::StandingIn { .. }));
    let mut alone = Bench::new((Fault::NoDevice, Fault::None), Use::Never);
    assert!(alone.scorer.prepare().is_err());
    assert_eq!(alone.scorer.stand_by(), Err("no device".into()));
    assert_eq!(alone.score(), "ai_unavailable");
}

#[test]
fn a_panic_while_loading_or_in_the_golden_vectors_is_an_error() {
    let mut bench = Bench::new((Fault::LoadPanics, Fault::None), Use::Never);
    assert!(matches!(bench.scorer.prepare(), Err(LoadFailure::Panicked)));
    assert_eq!(bench.score(), "ai_unavailable");
}
