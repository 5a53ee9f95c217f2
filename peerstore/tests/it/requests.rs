//! How many requests each operation takes over object storage, where each is paid for and waited for.

use std::collections::BTreeMap;
use std::sync::Arc;

use datastore::{Datastore, TestClock};
use futures::TryStreamExt;
use peerstore::{
    GcStrategy, PeerQuery, PeerUpdate, Peerstore, PeerstoreOptions, VerifiedRecord, WriteBehindMode,
};
use s3_testing::{FaultProxy, S3Server};

use crate::support::{HOUR, addrs, client, hashed, keypair, object_storage, peer};

/// What each operation takes: with changes that are written at once, with a cache and without; with changes that are
/// gathered, with a cache and without. They are done in this order; the first that adds a peer counts those that there
/// are, and seven listings are that or a walk over all books.
const BUDGETS: &[(&str, [&str; 4])] = &[
    ("open", ["2 GET", "2 GET", "2 GET", "2 GET"]),
    (
        "add to a new peer",
        ["1 GET 7 LIST 2 PUT", "1 GET 7 LIST 2 PUT", "1 GET 7 LIST", "1 GET 7 LIST"],
    ),
    ("add to another new peer", ["1 GET 2 PUT", "1 GET 2 PUT", "1 GET", "1 GET"]),
    ("add what is known", ["", "1 GET", "", ""]),
    ("add to a known peer", ["1 PUT", "1 GET 1 PUT", "", ""]),
    ("addresses", ["", "1 GET", "", ""]),
    ("addresses again", ["", "1 GET", "", ""]),
    ("addresses of nobody", ["1 GET", "1 GET", "1 GET", "1 GET"]),
    ("addresses of nobody again", ["", "1 GET", "", "1 GET"]),
    ("connected", ["2 PUT", "1 GET 2 PUT", "", ""]),
    ("disconnected", ["1 PUT", "1 GET 1 PUT", "", ""]),
    ("consume a record", ["1 PUT", "2 GET 1 PUT", "", ""]),
    ("consume it again", ["", "1 GET", "", ""]),
    ("set protocols", ["1 GET 1 PUT", "1 GET 1 PUT", "1 GET", "1 GET"]),
    ("protocols", ["", "1 GET", "", ""]),
    ("put metadata", ["1 GET 2 LIST 1 PUT", "1 GET 2 LIST 1 PUT", "1 GET 2 LIST", "1 GET 2 LIST"]),
    ("metadata", ["1 GET", "1 GET", "", ""]),
    ("all metadata", ["1 GET 1 LIST", "1 GET 1 LIST", "1 LIST", "1 LIST"]),
    ("set a tag", ["1 GET 2 PUT", "1 GET 2 PUT", "1 GET", "1 GET"]),
    ("tags", ["", "1 GET", "", ""]),
    ("set a key", ["1 GET 1 PUT", "1 GET 1 PUT", "1 GET", "1 GET"]),
    ("key", ["", "1 GET", "", ""]),
    ("key in the id", ["", "", "", ""]),
    ("succeeded", ["1 GET 1 PUT", "1 GET 1 PUT", "1 GET", "1 GET"]),
    ("reputation", ["", "1 GET", "", ""]),
    ("save", ["4 GET 1 LIST 4 PUT", "4 GET 1 LIST 4 PUT", "4 GET 1 LIST", "4 GET 1 LIST"]),
    ("save the same", ["1 GET 1 LIST", "4 GET 1 LIST", "1 GET 1 LIST", "1 GET 1 LIST"]),
    ("has", ["", "1 GET", "", ""]),
    (
        "has nobody",
        [
            "1 GET 4 HEAD 1 LIST",
            "2 GET 4 HEAD 1 LIST",
            "1 GET 4 HEAD 1 LIST",
            "2 GET 4 HEAD 1 LIST",
        ],
    ),
    ("peer", ["3 GET 1 LIST", "7 GET 1 LIST", "2 GET 1 LIST", "2 GET 1 LIST"]),
    ("peers", ["3 GET 7 LIST", "3 GET 7 LIST", "7 LIST", "7 LIST"]),
    ("page", ["3 GET 7 LIST", "3 GET 7 LIST", "7 LIST", "7 LIST"]),
    ("flush", ["", "", "15 PUT", "15 PUT"]),
    ("seal the own record", ["2 GET 1 PUT", "2 GET 1 PUT", "2 GET 1 PUT", "2 GET 1 PUT"]),
    ("add, after a flush", ["1 PUT", "1 GET 1 PUT", "", "1 GET"]),
    (
        "remove",
        [
            "1 BULK 1 DELETE 1 GET 1 HEAD 8 LIST 1 PUT",
            "1 BULK 1 DELETE 6 GET 1 HEAD 8 LIST 1 PUT",
            "1 GET 1 HEAD 8 LIST",
            "5 GET 1 HEAD 8 LIST",
        ],
    ),
    (
        "forget",
        [
            "1 BULK 1 DELETE 1 GET 1 HEAD 9 LIST",
            "1 BULK 1 DELETE 6 GET 1 HEAD 9 LIST",
            "1 GET 1 HEAD 9 LIST",
            "2 GET 1 HEAD 9 LIST",
        ],
    ),
    ("collect nothing", ["1 LIST", "1 LIST", "1 LIST", "1 LIST"]),
    ("close", ["1 PUT", "1 PUT", "2 BULK 1 PUT", "2 BULK 1 PUT"]),
    ("addresses, after a restart", ["1 GET", "1 GET", "1 GET", "1 GET"]),
    (
        "collect what expired of a peer",
        ["2 BULK 1 GET 1 LIST", "2 BULK 2 GET 1 LIST", "1 GET 1 LIST", "2 GET 1 LIST"],
    ),
];

struct Bench {
    peers: Peerstore,
    store: Arc<dyn Datastore>,
    server: S3Server,
    proxy: FaultProxy,
    clock: TestClock,
    options: PeerstoreOptions,
}

impl Bench {
    async fn new(mode: WriteBehindMode, cache: bool) -> Self {
        let server = S3Server::start();
        let proxy = FaultProxy::start(&server.endpoint());
        let mut options = PeerstoreOptions::default();
        options.gc.strategy = GcStrategy::Manual;
        options.write_behind.mode = mode;
        if !cache {
            options.cache_bytes = 0;
        }
        let clock = TestClock::new();
        let (peers, store) = open(&server, &proxy, &clock, &options).await;
        Self { peers, store, server, proxy, clock, options }
    }

    /// Ends the peerstore and begins another, past the log.
    async fn restart(&mut self) {
        self.store.close().await.unwrap();
        (self.peers, self.store) =
            open(&self.server, &self.proxy, &self.clock, &self.options).await;
        self.proxy.clear();
    }

    async fn run(&mut self, operation: &str) {
        let (peers, id) = (&self.peers, &peer(1));
        let record = VerifiedRecord::seal(&keypair(1), 5, &addrs(2)).unwrap();
        match operation {
            "open" => {}
            "add to a new peer" => peers.addresses().add(id, &addrs(3), HOUR).await.unwrap(),
            "add to another new peer" => {
                peers.addresses().add(&peer(2), &addrs(1), HOUR).await.unwrap();
            }
            "add what is known" => peers.addresses().add(id, &addrs(3), HOUR).await.unwrap(),
            "add to a known peer" => peers.addresses().add(id, &addrs(4), HOUR).await.unwrap(),
            "add, after a flush" => peers.addresses().add(id, &addrs(5), HOUR).await.unwrap(),
            "addresses" | "addresses again" => {
                assert!(!peers.addresses().get(id).await.unwrap().is_empty());
            }
            "addresses, after a restart" => {
                assert_eq!(peers.addresses().get(&peer(3)).await.unwrap().len(), 2);
            }
            "addresses of nobody" | "addresses of nobody again" => {
                assert!(peers.addresses().get(&peer(9)).await.unwrap().is_empty());
            }
            "connected" => peers.addresses().connected(id, &addrs(1)).await.unwrap(),
            "disconnected" => peers.addresses().disconnected(id).await.unwrap(),
            "consume a record" | "consume it again" => {
                peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
            }
            "set protocols" => peers.protocols().set(id, &["/a", "/b"]).await.unwrap(),
            "protocols" => assert_eq!(peers.protocols().get(id).await.unwrap().len(), 2),
            "put metadata" => peers.metadata().put_bytes(id, "agent", "x").await.unwrap(),
            "metadata" => assert!(peers.metadata().get(id, "agent").await.unwrap().is_some()),
            "all metadata" => assert_eq!(peers.metadata().all(id).await.unwrap().len(), 1),
            "set a tag" => peers.tags().set(id, "t", 1, Some(HOUR)).await.unwrap(),
            "tags" => assert_eq!(peers.tags().get(id).await.unwrap().len(), 1),
            "set a key" => {
                let (key, id) = hashed(7);
                peers.keys().set_public(&id, &key).await.unwrap();
            }
            "key" => assert!(peers.keys().public(&hashed(7).1).await.unwrap().is_some()),
            "key in the id" => assert!(peers.keys().public(id).await.unwrap().is_some()),
            "succeeded" => peers.reputation().succeeded(id, None).await.unwrap(),
            "reputation" => assert_eq!(peers.reputation().get(id).await.unwrap().successes(), 1),
            "save" | "save the same" => {
                let update = PeerUpdate::new().addresses(addrs(2)).protocols(["/a".to_owned()]);
                peers.save(&peer(3), &update.tag("t", 1, None)).await.unwrap();
            }
            "has" => assert!(peers.has(id).await.unwrap()),
            "has nobody" => assert!(!peers.has(&peer(9)).await.unwrap()),
            "peer" => assert!(peers.peer(id).await.unwrap().is_some()),
            "peers" => assert_eq!(peers.peers().try_collect::<Vec<_>>().await.unwrap().len(), 4),
            "page" => assert_eq!(peers.page(&PeerQuery::default()).await.unwrap().peers.len(), 4),
            "seal the own record" => {
                peers.own_record().seal(&keypair(200), &addrs(1)).await.unwrap();
            }
            "flush" => peers.flush().await.unwrap(),
            "remove" => peers.remove(id).await.unwrap(),
            "forget" => peers.forget(id).await.unwrap(),
            "collect nothing" => assert_eq!(peers.collect().await.unwrap().removed, 0),
            "close" => peers.close().await.unwrap(),
            "collect what expired of a peer" => {
                self.clock.advance(HOUR);
                assert_eq!(peers.collect().await.unwrap().removed, 2);
            }
            other => panic!("{other}"),
        }
    }

    /// What was asked of the server since the last look.
    fn asked(&self) -> String {
        let mut asked = BTreeMap::<&str, usize>::new();
        for seen in self.proxy.requests() {
            let kind = match seen.method.as_str() {
                "GET" if seen.has_parameter("list-type") => "LIST",
                "POST" if seen.has_parameter("delete") => "BULK",
                "GET" => "GET",
                "HEAD" => "HEAD",
                "PUT" => "PUT",
                "DELETE" => "DELETE",
                other => panic!("{other}"),
            };
            *asked.entry(kind).or_default() += 1;
        }
        self.proxy.clear();
        asked.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(" ")
    }
}

async fn open(
    server: &S3Server,
    proxy: &FaultProxy,
    clock: &TestClock,
    options: &PeerstoreOptions,
) -> (Peerstore, Arc<dyn Datastore>) {
    let bucket = client(&proxy.endpoint(), server.bucket(), server.region(), server.credentials());
    let store: Arc<dyn Datastore> = Arc::new(object_storage(&bucket).await);
    proxy.clear();
    let clock = Arc::new(clock.clone());
    let peers = Peerstore::open_with(Arc::clone(&store), clock, options.clone()).await.unwrap();
    (peers, store)
}

#[tokio::test]
async fn operations_take_so_many_requests() {
    let setups = [
        (WriteBehindMode::Off, true),
        (WriteBehindMode::Off, false),
        (WriteBehindMode::On, true),
        (WriteBehindMode::On, false),
    ];
    let mut found = vec![[const { String::new() }; 4]; BUDGETS.len()];
    for (column, (mode, cache)) in setups.into_iter().enumerate() {
        let mut bench = Bench::new(mode, cache).await;
        for (row, (operation, _)) in BUDGETS.iter().enumerate() {
            if *operation == "addresses, after a restart" {
                bench.restart().await;
            }
            bench.run(operation).await;
            found[row][column] = bench.asked();
        }
        bench.peers.close().await.unwrap();
        bench.store.close().await.unwrap();
    }
    let different = BUDGETS.iter().zip(&found).filter(|((_, budgets), found)| budgets != *found);
    let different = different.map(|((operation, _), found)| format!("({operation:?}, {found:?}),"));
    let different = different.collect::<Vec<_>>().join("\n");
    assert!(different.is_empty(), "these take other requests:\n{different}");
}
