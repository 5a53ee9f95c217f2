//! Random sequences of operations on the address book of several peers, with collections and restarts at any
//! moment, beside a plain retelling of the rules.

use std::time::{Duration, UNIX_EPOCH};

use datastore::{Clock, DatastoreExt, Query, key};
use futures::TryStreamExt;
use futures::executor::block_on;
use multiaddr::Multiaddr;
use peerstore::{Address, AddressSource, AddressTtl, Consumed, VerifiedRecord};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use self::plain::{ADDRESSES, CONNECTED, Model, Note, PERMANENT, Took, Ttl, Written};
use crate::support::{Open, World, keypair, peer};

#[path = "../../models/addresses.rs"]
mod plain;

const PEERS: u8 = 3;

/// For how long a sequence outlives the addresses.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3_600);

const SOURCES: [AddressSource; plain::SOURCES] = [
    AddressSource::Routing,
    AddressSource::Identify,
    AddressSource::Push,
    AddressSource::Signed,
    AddressSource::User,
];

#[derive(Clone, Debug)]
enum Step {
    /// Of the book of one peer; what is none of one peer's, such as the passing of time, is of all.
    Book(u8, plain::Step),
    Remove(u8),
    Forget(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (1..=PEERS, plain::step()).prop_map(|(peer, step)| Step::Book(peer, step)),
        1 => (1..=PEERS).prop_map(Step::Remove),
        1 => (1..=PEERS).prop_map(Step::Forget),
    ];
    vec(step, 1..50)
}

/// A model of each peer, and the peerstore that is compared with them.
struct Both {
    world: World,
    open: Option<Open>,
    models: Vec<Model>,
    /// What is stored of a peer, where that is not what the model says: a row whose connections are of another
    /// session stays as it is until something else about it changes, or a collection comes by.
    stored: Vec<Option<Model>>,
}

impl Both {
    async fn new(world: World, cap: usize) -> Self {
        let world = world.with(|options| {
            options.limits.addresses = cap;
            options.watermark_ttl = REMEMBERED;
        });
        let now = millis(world.clock.now());
        let remembers = u64::try_from(REMEMBERED.as_millis()).unwrap();
        let model = Model { now, cap, remembers, ..Model::default() };
        let open = Some(world.open().await);
        let peers = usize::from(PEERS);
        Self { world, open, models: vec![model; peers], stored: vec![None; peers] }
    }

    fn open(&self) -> &Open {
        self.open.as_ref().unwrap()
    }

    async fn take(&mut self, step: &Step) {
        let (n, step) = match step {
            Step::Remove(n) => {
                self.open().peers.remove(&peer(*n)).await.unwrap();
                self.tell(*n, |model| model.step(&plain::Step::Clear));
                return;
            }
            Step::Forget(n) => {
                self.open().peers.forget(&peer(*n)).await.unwrap();
                self.tell(*n, |model| {
                    let Model { now, cap, remembers, .. } = *model;
                    *model = Model { now, cap, remembers, ..Model::default() };
                });
                return;
            }
            Step::Book(n, step) => (*n, step),
        };
        match step {
            plain::Step::Pass(time) => self.world.clock.advance(Duration::from_millis(*time)),
            plain::Step::Sweep => {
                self.open().peers.collect().await.unwrap();
            }
            plain::Step::Reopen => {
                self.open.take().unwrap().close().await;
                self.open = Some(self.world.open().await);
                self.reopen();
                return;
            }
            _ => {
                let took = self.change(n, step).await;
                assert_eq!(took, self.tell(n, |model| model.step(step)), "{step:?}");
                return;
            }
        }
        for n in 1..=PEERS {
            self.tell(n, |model| model.step(step));
        }
        if matches!(step, plain::Step::Sweep) {
            self.compare_rows().await;
        }
    }

    async fn change(&self, n: u8, step: &plain::Step) -> Option<Took> {
        let (book, peer) = (self.open().peers.addresses(), &peer(n));
        let written = |list: &[Written]| written(n, list);
        let ttl = ttl_of;
        let hour = AddressTtl::ADDRESS;
        match step {
            plain::Step::Add(list, for_so_long, source) => {
                book.add_from(peer, &written(list), ttl(*for_so_long), SOURCES[*source]).await
            }
            // The book's own set and replace are the user's.
            plain::Step::Set(list, for_so_long, _) => {
                book.set(peer, &written(list), ttl(*for_so_long)).await
            }
            plain::Step::Patch(list, _) => book.replace(peer, &written(list), hour).await,
            plain::Step::Announce(list, source) => {
                book.announce(peer, &written(list), hour, SOURCES[*source]).await
            }
            plain::Step::Update(old, new) => book.update(peer, ttl(*old), ttl(*new)).await,
            plain::Step::Clear => book.clear(peer).await,
            plain::Step::Connect(list) => book.connected(peer, &written(list)).await,
            plain::Step::Disconnect => book.disconnected(peer).await,
            plain::Step::Succeed(address) => book.succeeded(peer, &written(&[*address])[0]).await,
            plain::Step::Fail(address) => book.failed(peer, &written(&[*address])[0]).await,
            plain::Step::Consume(sequence, list, for_so_long) => {
                let record = sealed(n, *sequence, list);
                let consumed = book.consume(record.envelope().clone(), ttl(*for_so_long)).await;
                return Some(took(consumed.unwrap()));
            }
            plain::Step::Pass(_) | plain::Step::Reopen | plain::Step::Sweep => Ok(()),
        }
        .unwrap();
        None
    }

    /// Tells the model of a peer what happened; what changes is written.
    fn tell<T>(&mut self, n: u8, step: impl FnOnce(&mut Model) -> T) -> T {
        let n = usize::from(n) - 1;
        let before = Model { now: 0, ..self.models[n].clone() };
        let answer = step(&mut self.models[n]);
        if (Model { now: 0, ..self.models[n].clone() }) != before {
            self.stored[n] = None;
        }
        answer
    }

    /// What was connected counts down from now, unless that was written before.
    fn reopen(&mut self) {
        for (model, stored) in self.models.iter_mut().zip(&mut self.stored) {
            let now = model.now;
            let was = Model { now, ..stored.take().unwrap_or_else(|| model.clone()) };
            *model = was.clone();
            model.step(&plain::Step::Reopen);
            *stored = Some(was);
        }
    }

    /// The models without what has expired.
    fn now(&self) -> impl Iterator<Item = (u8, Model)> {
        (1..).zip(self.models.iter().cloned().map(|mut model| {
            model.purge();
            model
        }))
    }

    async fn compare(&self) {
        let (peers, book) = (&self.open().peers, self.open().peers.addresses());
        let (mut with_addresses, mut known) = (Vec::new(), Vec::new());
        for (n, model) in self.now() {
            let addrs = book.get(&peer(n)).await.unwrap();
            let notes: Vec<_> = addrs.entries().map(note_of).collect();
            assert_eq!(notes, model.notes, "of {n}");
            let record = model.record.as_ref();
            let record = record.map(|(number, list)| sealed(n, *number, list).envelope().clone());
            assert_eq!(book.record(&peer(n)).await.unwrap(), record);
            if !addrs.is_empty() {
                with_addresses.push(peer(n));
            }
            if !addrs.is_empty() || record.is_some() {
                known.push(peer(n));
            }
        }
        let mut found = book.peers().try_collect::<Vec<_>>().await.unwrap();
        found.sort();
        with_addresses.sort();
        assert_eq!(found, with_addresses);
        for n in 1..=PEERS {
            // What has expired and was not collected may still be known.
            assert!(peers.has(&peer(n)).await.unwrap() || !known.contains(&peer(n)));
        }
    }

    /// Right after a collection there is a row of each peer of which something is left, and it alone is in the
    /// index.
    async fn compare_rows(&self) {
        let store = &self.open().below().await;
        let count = async |below| store.count(Query::descendants(below)).await.unwrap();
        let left = |model: &Model| {
            !model.notes.is_empty() || model.record.is_some() || model.remembered.is_some()
        };
        let rows = self.now().filter(|(_, model)| left(model)).count();
        assert_eq!(count(key!("/peers/addrs")).await, rows as u64);
        let ends = self.now().filter(|(_, model)| left(model) && model.due() != u64::MAX).count();
        let watermark = u64::from(store.has(&key!("/peers/expiry/watermark")).await.unwrap());
        let entries = count(key!("/peers/expiry")).await - watermark;
        assert!(entries >= ends as u64, "{entries} entries for {ends} rows that end");
    }

    /// After a long time, what is for ever is left, and the index leads nowhere else.
    async fn end(mut self) {
        let long = Duration::from_secs(1_000 * 24 * 3_600);
        self.take(&Step::Book(1, plain::Step::Reopen)).await;
        for _ in 0..2 {
            self.take(&Step::Book(1, plain::Step::Pass(long.as_millis() as u64))).await;
            self.take(&Step::Book(1, plain::Step::Sweep)).await;
            self.compare().await;
        }
        let entries: Vec<_> = self
            .open()
            .store
            .query_keys(Query::descendants(key!("/peers/expiry")))
            .try_collect()
            .await
            .unwrap();
        assert!(entries.iter().all(|key| *key == key!("/peers/expiry/watermark")), "{entries:?}");
        self.open.take().unwrap().close().await;
    }
}

fn millis(time: std::time::SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn addr(number: usize) -> Multiaddr {
    format!("/ip4/192.0.2.{number}/tcp/4001").parse().unwrap()
}

fn written(n: u8, list: &[Written]) -> Vec<Multiaddr> {
    let write = |(number, form): &Written| match form {
        1 => addr(*number).with_p2p(peer(n)).unwrap(),
        2 => addr(*number).with_p2p(peer(PEERS + 1)).unwrap(),
        _ => addr(*number),
    };
    list.iter().map(write).collect()
}

fn sealed(n: u8, sequence: u64, list: &[Written]) -> VerifiedRecord {
    VerifiedRecord::seal(&keypair(n), sequence, &written(n, list)).unwrap()
}

fn ttl_of(ttl: Ttl) -> AddressTtl {
    match ttl {
        CONNECTED => AddressTtl::Connected,
        PERMANENT => AddressTtl::Permanent,
        millis => AddressTtl::For(Duration::from_millis(millis)),
    }
}

fn took(consumed: Consumed) -> Took {
    match consumed {
        Consumed::Accepted => Took::Accepted,
        Consumed::Same => Took::Same,
        Consumed::Older => Took::Older,
        Consumed::Differs => Took::Differs,
        other => panic!("{other:?}"),
    }
}

fn note_of(entry: &Address) -> Note {
    Note {
        number: (0..ADDRESSES).find(|number| addr(*number) == *entry.addr()).unwrap(),
        ttl: match entry.ttl() {
            AddressTtl::For(ttl) => u64::try_from(ttl.as_millis()).unwrap(),
            AddressTtl::Connected => CONNECTED,
            AddressTtl::Permanent => PERMANENT,
        },
        ends: entry.expiry().as_millis(),
        source: SOURCES.iter().position(|source| *source == entry.source()).unwrap(),
        certified: entry.is_certified(),
        connected: entry.is_connected(),
        seen: entry.last_seen().map_or(0, millis),
        worked: entry.last_success().map_or(0, millis),
        failures: entry.failures(),
    }
}

/// The steps as the book has them: it sets and replaces as the user.
fn as_user(steps: Vec<Step>) -> Vec<Step> {
    let user = plain::SOURCES - 1;
    let as_user = |step| match step {
        Step::Book(n, plain::Step::Set(list, ttl, _)) => {
            Step::Book(n, plain::Step::Set(list, ttl, user))
        }
        Step::Book(n, plain::Step::Patch(list, _)) => Step::Book(n, plain::Step::Patch(list, user)),
        other => other,
    };
    steps.into_iter().map(as_user).collect()
}

fn run(world: fn() -> World, cache_bytes: u64, cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let strategy = (steps().prop_map(as_user), 2..6_usize);
    let run = |(steps, cap): (Vec<Step>, usize)| {
        block_on(async {
            let world = world().with(|options| options.cache_bytes = cache_bytes);
            let mut both = Both::new(world, cap).await;
            for step in &steps {
                both.take(step).await;
                both.compare().await;
            }
            both.end().await;
        });
        Ok(())
    };
    TestRunner::new(config).run(&strategy, run).unwrap();
}

const USUAL: u64 = 32 << 20;

/// Room for hardly a row.
const TINY: u64 = 600;

#[test]
fn books_in_memory_do_as_the_rules_retold() {
    run(World::memory, USUAL, 150);
}

#[test]
fn books_in_memory_without_a_cache_do_as_the_rules_retold() {
    run(World::memory, 0, 150);
}

#[test]
fn books_with_a_cache_that_is_too_small_do_as_the_rules_retold() {
    run(World::memory, TINY, 150);
}

#[test]
fn books_over_fjall_do_as_the_rules_retold() {
    run(World::fjall, USUAL, 12);
}

#[test]
fn books_over_fjall_without_a_cache_do_as_the_rules_retold() {
    run(World::fjall, 0, 12);
}

#[test]
fn books_over_object_storage_do_as_the_rules_retold() {
    run(World::s3, USUAL, 3);
}

#[test]
fn books_over_object_storage_without_a_cache_do_as_the_rules_retold() {
    run(World::s3, 0, 3);
}
