//! One image through EfficientNet-B4 on the CPU, in both layouts.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use contract::{PreprocessSpec, Topology};
use criterion::{Criterion, criterion_group, criterion_main};
use engine_tract::{Layout, TractEngine};
use inference::{Engine, ModelFiles, conformance};

fn analyze(criterion: &mut Criterion) {
    let (manifest, network) =
        export::untrained_model(&Topology::efficientnet_b4(), PreprocessSpec::reference()).expect("untrained model");
    let model = ModelFiles::new(manifest, network).expect("its own digest");
    let image = conformance::test_image().expect("test image");
    let mut group = criterion.benchmark_group("analyze");
    group.sample_size(10);
    for layout in [Layout::Natural, Layout::Transposed] {
        let mut loaded = TractEngine::new(0, layout).load(&model).expect("load");
        group
            .bench_function(format!("{layout:?}"), |bencher| bencher.iter(|| loaded.analyze(&image).expect("analyze")));
    }
    group.finish();
}

criterion_group!(benches, analyze);
criterion_main!(benches);
