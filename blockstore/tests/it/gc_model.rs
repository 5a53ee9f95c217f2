//! Random DAGs, pins and collections, held against a model that knows which nodes are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datastore::{ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position};
use datastore_blocks::{
    Blockstore, DAG_CBOR, DAG_PB, GcOptions, PinMode, PinOptions, PinnedBy, RAW,
};
use proptest::prelude::*;

use crate::gc_support::{Dag, marks, open, stored};

/// A node: its codec, and links to nodes before it.
type Plan = (u8, Vec<prop::sample::Index>);

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<prop::sample::Index>),
    Delete(prop::sample::Index),
    Pin {
        at: prop::sample::Index,
        mode: PinMode,
        check: bool,
    },
    Unpin(prop::sample::Index),
    Collect {
        dry: bool,
        despite_missing: bool,
    },
    /// Fails at some commit, and is gone on with after these steps.
    Interrupted {
        commit: u64,
        reopen: bool,
        puts: Vec<prop::sample::Index>,
        pin: prop::sample::Index,
    },
    PinnedBy(prop::sample::Index),
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let links = prop::collection::vec(any::<prop::sample::Index>(), 0..5);
    prop::collection::vec((0..4_u8, links), 1..30)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let some = || prop::collection::vec(index(), 0..8);
    let mode = prop_oneof![Just(PinMode::Recursive), Just(PinMode::Direct)];
    let step = prop_oneof![
        4 => some().prop_map(Step::Put),
        1 => index().prop_map(Step::Delete),
        4 => (index(), mode, any::<bool>()).prop_map(|(at, mode, check)| Step::Pin { at, mode, check }),
        2 => index().prop_map(Step::Unpin),
        4 => (any::<bool>(), any::<bool>())
            .prop_map(|(dry, despite_missing)| Step::Collect { dry, despite_missing }),
        2 => (0..8_u64, any::<bool>(), some(), index())
            .prop_map(|(commit, reopen, puts, pin)| Step::Interrupted { commit, reopen, puts, pin }),
        2 => index().prop_map(Step::PinnedBy),
    ];
    prop::collection::vec(step, 1..30)
}

fn dag(plans: &[Plan]) -> Dag {
    let mut dag = Dag::default();
    for (at, (kind, links)) in plans.iter().enumerate() {
        let links: Vec<usize> =
            if at == 0 { Vec::new() } else { links.iter().map(|to| to.index(at)).collect() };
        match kind {
            0 => dag.add(RAW, Vec::new()),
            1 => dag.add(DAG_PB, links),
            _ => dag.add(DAG_CBOR, links),
        };
    }
    dag
}

/// What should be there.
struct Model {
    dag: Dag,
    there: BTreeSet<usize>,
    pins: BTreeMap<usize, PinMode>,
}

impl Model {
    /// What is reached through the nodes that are there.
    fn reached(&self, from: usize, missing: &mut bool) -> BTreeSet<usize> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            if !reached.insert(at) {
                continue;
            }
            if self.there.contains(&at) {
                next.extend(&self.dag.links[at]);
            } else {
                *missing = true;
            }
        }
        reached
    }

    /// What a collection keeps of what is there; `None` if it cannot know.
    fn kept(&self, despite_missing: bool) -> Option<BTreeSet<usize>> {
        let (mut kept, mut missing) = (BTreeSet::new(), false);
        for (at, mode) in &self.pins {
            match mode {
                PinMode::Recursive => kept.extend(self.reached(*at, &mut missing)),
                PinMode::Direct => {
                    missing |= !self.there.contains(at);
                    kept.insert(*at);
                }
            }
        }
        (despite_missing || !missing).then(|| kept.intersection(&self.there).copied().collect())
    }

    /// Whether a pin is made; the model is changed if it is.
    fn pin(&mut self, at: usize, mode: PinMode, check: bool) -> Result<(), ErrorKind> {
        let there = match mode {
            PinMode::Recursive => self.dag.reached([at]).is_subset(&self.there),
            PinMode::Direct => self.there.contains(&at),
        };
        if check && !there {
            return Err(ErrorKind::NotFound);
        }
        if mode == PinMode::Direct && self.pins.get(&at) == Some(&PinMode::Recursive) {
            return Err(ErrorKind::InvalidInput);
        }
        self.pins.insert(at, mode);
        Ok(())
    }
}

async fn pin(
    blocks: &Blockstore,
    model: &Model,
    at: usize,
    mode: PinMode,
    check: bool,
) -> Result<(), ErrorKind> {
    let (pins, options) = (blocks.pins(), PinOptions::new().check(check));
    let cid = model.dag.cid(at);
    match mode {
        PinMode::Recursive => pins.pin_recursive(cid, options).await,
        PinMode::Direct => pins.pin_direct(cid, options).await,
    }
    .map_err(|error| error.kind())
}

async fn put(blocks: &Blockstore, model: &Model, nodes: &[usize]) {
    let puts = nodes.iter().map(|at| model.dag.blocks[*at].clone()).collect();
    blocks.put_batch(puts).await.unwrap();
}

async fn run(plans: Vec<Plan>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let mut blocks = open(store.clone()).await;
    let len = plans.len();
    let mut model = Model { dag: dag(&plans), there: BTreeSet::new(), pins: BTreeMap::new() };
    // Small pages: more of them, and cursors in between.
    let short = || store.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(2));
    short();
    for step in steps {
        match step {
            Step::Put(nodes) => {
                let nodes: Vec<usize> = nodes.iter().map(|at| at.index(len)).collect();
                put(&blocks, &model, &nodes).await;
                model.there.extend(nodes);
            }
            Step::Delete(at) => {
                let at = at.index(len);
                blocks.delete(model.dag.cid(at)).await.unwrap();
                model.there.remove(&at);
            }
            Step::Pin { at, mode, check } => {
                let at = at.index(len);
                let found = pin(&blocks, &model, at, mode, check).await;
                prop_assert_eq!(found, model.pin(at, mode, check));
            }
            Step::Unpin(at) => {
                let at = at.index(len);
                let found = blocks.pins().unpin(model.dag.cid(at)).await.unwrap();
                prop_assert_eq!(found, model.pins.remove(&at));
            }
            Step::PinnedBy(at) => {
                let at = at.index(len);
                let found = blocks.pins().pinned_by(model.dag.cid(at)).await.unwrap();
                let by_it = |root: usize| model.reached(root, &mut false).contains(&at);
                match (model.pins.get(&at), found) {
                    (Some(PinMode::Recursive), Some(PinnedBy::Recursive))
                    | (Some(PinMode::Direct), Some(PinnedBy::Direct)) => {}
                    (None, Some(PinnedBy::Indirect(root))) => {
                        let root = (0..len).find(|at| *model.dag.cid(*at) == root).unwrap();
                        prop_assert_eq!(model.pins.get(&root), Some(&PinMode::Recursive));
                        prop_assert!(by_it(root));
                    }
                    (None, None) => {
                        let mut roots = model.pins.iter();
                        let any =
                            roots.any(|(root, mode)| *mode == PinMode::Recursive && by_it(*root));
                        prop_assert!(!any);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            Step::Collect { dry, despite_missing } => {
                let options = GcOptions::new().dry_run(dry).despite_missing(despite_missing);
                let found = blocks.collect_garbage(options).await;
                match model.kept(despite_missing) {
                    None => prop_assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt),
                    Some(kept) => {
                        let report = found.unwrap();
                        prop_assert_eq!(report.kept, kept.len() as u64);
                        prop_assert_eq!(report.swept, (model.there.len() - kept.len()) as u64);
                        if !dry {
                            model.there = kept;
                        }
                    }
                }
                prop_assert_eq!(marks(&*store).await, []);
            }
            Step::Interrupted { commit, reopen, puts, pin: root } => {
                let failed = Injected::Error(ErrorKind::Unavailable);
                store.inject(Operation::Commit, Position::Nth(commit), failed);
                let first = blocks.collect_garbage(GcOptions::new()).await;
                store.heal();
                short();
                let Some(kept) = model.kept(false) else {
                    // It stops before it deletes, at the fault or at the block.
                    prop_assert!(first.is_err());
                    blocks.discard_collection().await.unwrap();
                    prop_assert_eq!(stored(&*store).await, model.dag.names(model.there.clone()));
                    continue;
                };
                if first.is_ok() {
                    model.there = kept;
                    prop_assert_eq!(stored(&*store).await, model.dag.names(model.there.clone()));
                    continue;
                }
                if reopen {
                    blocks = open(store.clone()).await;
                }
                let unfinished = blocks.unfinished_collection().await.unwrap().is_some();
                let names = stored(&*store).await;
                let still: BTreeSet<usize> = model
                    .there
                    .iter()
                    .copied()
                    .filter(|at| names.contains(&model.dag.cid(*at).hash().to_bytes()))
                    .collect();
                prop_assert!(still.is_superset(&kept));
                model.there = still;
                // Writers, and a pin, before it is gone on with.
                let puts: BTreeSet<usize> = puts.iter().map(|at| at.index(len)).collect();
                put(&blocks, &model, &Vec::from_iter(puts.clone())).await;
                model.there.extend(&puts);
                let root = root.index(len);
                let found = pin(&blocks, &model, root, PinMode::Recursive, true).await;
                prop_assert_eq!(found, model.pin(root, PinMode::Recursive, true));
                let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
                prop_assert_eq!(report.resumed, unfinished);
                // What was put stays as well, if the run was there by then.
                let least = model.kept(false).unwrap();
                let mut most = least.clone();
                most.extend(puts);
                let names = stored(&*store).await;
                let exactly = model.dag.names(if unfinished { most } else { least });
                prop_assert_eq!(&names, &exactly);
                model.there.retain(|at| names.contains(&model.dag.cid(*at).hash().to_bytes()));
                prop_assert_eq!(marks(&*store).await, []);
            }
        }
        prop_assert_eq!(stored(&*store).await, model.dag.names(model.there.clone()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn collections_and_pins_do_what_a_model_of_them_does(plans in plans(), steps in steps()) {
        futures::executor::block_on(run(plans, steps))?;
    }
}
