//! Times each work on each store, one after the other; what `ratios` compares in turns.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use datastore_benches::{
    BenchRuntime, Contestant, Data, Rig, Scale, Side, Span, ValueSize, Work, round,
};

const CONTESTANTS: [Contestant; 5] = [
    Contestant::Raw,
    Contestant::Fjall,
    Contestant::FjallWrapped,
    Contestant::Memory,
    Contestant::MemoryWrapped,
];

/// Times these works, with values of all sizes. Stores are opened, and loaded for works that read,
/// when the first bench that was not filtered out asks for them.
pub(crate) fn explore(criterion: &mut Criterion, works: &[Work]) {
    let runtime = BenchRuntime::start().unwrap();
    let scale = Scale::quick();
    for size in ValueSize::ALL {
        let data = OnceCell::new();
        let data = || data.get_or_init(|| Arc::new(Data::new(scale.entries(size), size).unwrap()));
        let loaded = OnceCell::new();
        for &work in works.iter().filter(|work| work.suits(size)) {
            let mut group = criterion.benchmark_group(format!("{}/{}", work.name(), size.name()));
            group.sampling_mode(SamplingMode::Flat).sample_size(20);
            for contestant in CONTESTANTS {
                let empty = OnceCell::new();
                let mut next = 0;
                let unit = work.unit(scale.entries(size));
                group.throughput(Throughput::Elements(unit as u64));
                group.bench_function(BenchmarkId::from_parameter(contestant.name()), |bencher| {
                    let rig = if work.writes() {
                        empty.get_or_init(|| open(&runtime, data(), &[contestant]))
                    } else {
                        loaded.get_or_init(|| {
                            let rig = open(&runtime, data(), &CONTESTANTS);
                            rig.load().unwrap();
                            rig
                        })
                    };
                    let side = Side { subject: rig.subject(contestant).unwrap(), work };
                    bencher.iter_custom(|iterations| {
                        let ops = iterations as usize * unit;
                        let span = Span { first: next, ops };
                        next += ops;
                        round(&runtime, &side, span).unwrap().0
                    });
                });
            }
            group.finish();
        }
    }
}

fn open<'r>(runtime: &'r BenchRuntime, data: &Arc<Data>, contestants: &[Contestant]) -> Rig<'r> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    std::fs::create_dir_all(&dir).unwrap();
    Rig::open(runtime, &dir, data, contestants).unwrap()
}
