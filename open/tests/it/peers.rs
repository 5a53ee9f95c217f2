//! A datastore and a peerstore from one configuration.

use std::time::Duration;

use datastore::{DatastoreExt, ErrorKind, key};
use datastore_open::{PeersConfig, PeersPreset};
use libp2p_identity::PeerId;
use peerstore::{GcStrategy, PeerstoreOptions, WriteBehindMode};

const EXAMPLE: &str = include_str!("../../peers.toml");

fn memory(preset: PeersPreset) -> PeersConfig {
    PeersConfig::new("memory:".parse().unwrap(), preset)
}

fn refusal(text: &str) -> String {
    toml::from_str::<PeersConfig>(text).expect_err(text).to_string()
}

#[test]
fn the_store_alone_is_a_configuration() {
    let config: PeersConfig = toml::from_str("store = { url = 'memory:' }").unwrap();
    assert_eq!(config, memory(PeersPreset::Default));
}

#[test]
fn the_example_says_what_is_so_without_it() {
    let config: PeersConfig = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(config.store.url.to_string(), "fjall:/var/lib/node");
    assert_eq!(config.peers, PeerstoreOptions::default());
}

#[test]
fn options_are_changes_of_the_preset_and_not_of_the_default() {
    let text = "preset = 'small'\n[store]\nurl = 'memory:'\n[peers]\nevent_capacity = 7\n[peers.limits]\nprotocols = 9";
    let config: PeersConfig = toml::from_str(text).unwrap();
    let mut expected = PeerstoreOptions::small();
    expected.event_capacity = 7;
    expected.limits.protocols = 9;
    assert_eq!(config.peers, expected);
    assert_ne!(expected.limits.addresses, PeerstoreOptions::default().limits.addresses);
}

#[test]
fn every_preset_is_what_is_read_of_what_is_written() {
    for preset in [PeersPreset::Small, PeersPreset::Default, PeersPreset::Server] {
        let config = memory(preset);
        assert_eq!(config.peers, preset.options());
        let toml = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<PeersConfig>(&toml).unwrap(), config, "{toml}");
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<PeersConfig>(&json).unwrap(), config, "{json}");
        let name = serde_json::to_string(&preset).unwrap();
        let named = format!("{{\"store\":{{\"url\":\"memory:\"}},\"preset\":{name}}}");
        assert_eq!(serde_json::from_str::<PeersConfig>(&named).unwrap(), config);
    }
}

#[test]
fn what_differs_from_every_preset_is_read_again_as_it_was() {
    let mut config = memory(PeersPreset::Server);
    let peers = &mut config.peers;
    peers.cache_bytes = 12_345;
    peers.watermark_ttl = Duration::from_millis(90_500);
    peers.private_keys_on_remote_stores = true;
    peers.gc.strategy = GcStrategy::Manual;
    peers.gc.interval = Duration::from_nanos(1);
    peers.write_behind.mode = WriteBehindMode::On;
    peers.write_behind.age = Duration::MAX;
    let toml = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<PeersConfig>(&toml).unwrap(), config, "{toml}");
}

#[test]
fn times_and_sizes_are_written_as_people_write_them() {
    let text = "store = { url = 'memory:' }\n[peers]\ncache_bytes = '64MiB'\nwatermark_ttl = '12h'\n\
                [peers.gc]\ninterval = '10m'\n[peers.write_behind]\nage = 30";
    let PeersConfig { peers, .. } = toml::from_str(text).unwrap();
    assert_eq!(peers.cache_bytes, 64 << 20);
    assert_eq!(peers.watermark_ttl, Duration::from_secs(12 * 3600));
    assert_eq!(peers.gc.interval, Duration::from_secs(600));
    assert_eq!(peers.write_behind.age, Duration::from_secs(30));
}

#[test]
fn what_is_not_known_is_refused_and_named() {
    let store = "store = { url = 'memory:' }\n";
    for (text, named) in [
        ("prset = 'small'", "`prset`"),
        ("preset = 'tiny'", "`tiny`"),
        ("[peers]\ncache = 1", "`cache`"),
        ("[peers.limits]\nadresses = 1", "`adresses`"),
        ("[peers.gc]\nevery = '1m'", "`every`"),
        ("[peers.gc]\nstrategy = 'never'", "`never`"),
        ("[peers.gc]\ninterval = 'soon'", "`30s`"),
        ("[peers.write_behind]\nmode = 'sometimes'", "`sometimes`"),
        ("[peers]\ncache_bytes = '64MB'", "`64MiB`"),
        ("[peers]\ngc = 'manual'", "GcOptions"),
        ("[peers]\ngc = 'manual'", "in `peers.gc`: "),
        ("[peers.limits]\nadresses = 1", "in `peers.limits.adresses`: "),
        ("[peers.limits]\npeers = 1\naddresses = 'many'", "in `peers.limits.addresses`: "),
        ("[peers.gc]\ninterval = 'soon'\npage = 7", "in `peers.gc.interval`: "),
        ("[peers.write_behind]\nmode = 'sometimes'", "`auto`"),
    ] {
        let message = refusal(&format!("{store}{text}"));
        assert!(message.contains(named), "{text}: {message}");
    }
    assert!(refusal("[peers]\ncache_bytes = 0").contains("`store`"));
}

#[tokio::test]
async fn a_configuration_opens_both_and_closes_both() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("fjall:{}", dir.path().join("node").display());
    let config = PeersConfig::new(url.parse().unwrap(), PeersPreset::Small);
    let peer = PeerId::random();
    let addr = || "/ip4/192.0.2.1/tcp/4001".parse().unwrap();
    for known in [false, true] {
        let node = config.open().await.unwrap();
        assert_eq!(node.peers().has(&peer).await.unwrap(), known);
        node.peers().addresses().add(&peer, &[addr()], Duration::from_secs(60)).await.unwrap();
        node.close().await.unwrap();
        node.close().await.unwrap();
        let closed = node.peers().has(&peer).await.unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::Closed);
        assert_eq!(node.store().has(&key!("/a")).await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test]
async fn where_the_peerstore_cannot_be_opened_the_datastore_is_not_left_open() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("fjall:{}", dir.path().join("node").display());
    let mut config = PeersConfig::new(url.parse().unwrap(), PeersPreset::Default);
    // A prefix that leaves no room for the keys of the peerstore.
    config.store.namespace = Some(format!("/{}", "n".repeat(65_530)).parse().unwrap());
    assert!(config.open().await.is_err());
    config.store.namespace = None;
    config.open().await.unwrap().close().await.unwrap();
}
