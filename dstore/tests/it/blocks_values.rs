//! `dstore blocks`: single blocks, and what they link to.

use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use datastore_blocks::{Block, DAG_CBOR, IDENTITY, LongCid, Multihash, RAW};
use serde_json::{Value, json};

use crate::harness::{Place, fixture_of_blocks};

const STORE: &str = Place::STORE;

/// "hello world", raw.
const HELLO: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

/// Blocks that go stored, and the CIDs that it gave them.
fn of_go() -> Vec<(String, Vec<u8>)> {
    let text = std::fs::read_to_string(fixture_of_blocks("go/blocks.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let block = |block: &Value| {
        let data = HEXLOWER.decode(block["data"].as_str().unwrap().as_bytes()).unwrap();
        (block["cid"].as_str().unwrap().to_owned(), data)
    };
    let blocks: Vec<_> = all["blocks"].as_array().unwrap().iter().map(block).collect();
    assert!(blocks.len() > 10);
    blocks
}

#[test]
fn blocks_of_go_are_put_under_their_cids_and_come_back_byte_for_byte() {
    let place = Place::new();
    for (cid, data) in of_go() {
        let put = place.feed(["blocks", "put", STORE, "-", "--cid", &cid], &data).ok();
        assert_eq!(put.text(), format!("{cid}\n"));
        assert_eq!(place.run(["blocks", "get", STORE, &cid]).ok().out, data);
        place.ok(["blocks", "has", STORE, &cid]);
    }
    place.ok(["blocks", "verify", STORE]);
}

#[test]
fn a_block_gets_the_cid_of_its_codec_and_hash() {
    let place = Place::new();
    let put = |more: &[&str]| {
        let args = ["blocks", "put", STORE].into_iter().chain(more.iter().copied());
        place.feed(args, b"hello world").ok().text().trim_end().to_owned()
    };
    assert_eq!(put(&[]), HELLO);
    assert_eq!(put(&["--codec", "0x55", "--hash", "0x12"]), HELLO);
    let blake3 = put(&["--hash", "blake3"]);
    let stat = place.run(["blocks", "stat", STORE, &blake3, "--json"]).ok().objects();
    let expected = json!({ "cid": blake3, "size": 11, "codec": "raw", "hash": "blake3",
        "pinned": null, "through": null });
    assert_eq!(stat, [expected]);
    // One of its own data is not stored.
    let identity = put(&["--hash", "identity"]);
    assert_eq!(place.ok(["blocks", "get", STORE, &identity]), "hello world");
    assert_eq!(place.ok(["blocks", "ls", STORE]).lines().count(), 2);
    // An empty dag-pb node: what `ipfs object new` has always printed.
    let v0 = ["blocks", "put", STORE, "--cid-version", "0"];
    assert_eq!(place.feed(v0, b"").ok().text(), "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n\n");
    place
        .feed(v0.into_iter().chain(["--codec", "raw"]), b"x")
        .fails(2, &["dag-pb and sha2-256", "hint"]);
}

#[test]
fn either_version_and_any_codec_of_a_cid_finds_the_block() {
    let place = Place::new();
    let v0 = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";
    place.feed(["blocks", "put", STORE, "--cid", v0], b"").ok();
    let listed = place.ok(["blocks", "ls", STORE]);
    assert!(listed.starts_with("bafkrei"), "{listed}");
    for cid in [v0, listed.trim_end()] {
        assert_eq!(place.ok(["blocks", "get", STORE, cid]), "");
    }
}

#[test]
fn a_block_that_is_there_is_not_written_again() {
    let place = Place::new();
    for written in [true, false] {
        let put = place.feed(["blocks", "put", STORE, "--json"], b"hello world").ok();
        assert_eq!(put.objects(), [json!({ "cid": HELLO, "size": 11, "written": written })]);
    }
}

#[test]
fn wrong_bytes_are_refused_with_both_digests_and_store_nothing() {
    let place = Place::new();
    let put = place.feed(["blocks", "put", STORE, "--cid", HELLO], b"hello worle");
    put.fails(
        6,
        &[HELLO, "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9", "not"],
    );
    let cbor = ["blocks", "put", STORE, "--codec", "dag-cbor"];
    place.feed(cbor, b"{\"not\": \"CBOR\"}").fails(6, &["0x71", "leave away --codec\n"]);
    let v0 = ["blocks", "put", STORE, "--cid-version", "0"];
    place.feed(v0, b"no node").fails(6, &["0x70", "leave away --cid-version, "]);
    place.feed(["blocks", "put", STORE, "--max-block", "10"], b"hello world").fails(2, &["10 B"]);
    place.feed(["blocks", "put", STORE], &vec![0; (2 << 20) + 1]).fails(2, &["blocks add"]);
    place.run(["blocks", "put", STORE, "nosuch"]).fails(6, &["nosuch"]);
    assert!(place.names().is_empty(), "no store was made");
}

#[test]
fn a_part_of_a_block_and_its_json_are_written() {
    let place = Place::new();
    place.feed(["blocks", "put", STORE], b"hello world").ok();
    assert_eq!(place.ok(["blocks", "get", STORE, HELLO, "--range", "6..9"]), "wor");
    let get = place.run(["blocks", "get", STORE, HELLO, "--json"]).ok().objects();
    assert_eq!(get, [json!({ "cid": HELLO, "size": 11, "data": BASE64.encode(b"hello world") })]);
    assert_eq!(place.ok(["blocks", "get", STORE, HELLO, "-o", "out"]), "");
    assert_eq!(std::fs::read(place.path("out")).unwrap(), b"hello world");
}

#[test]
fn a_block_that_is_not_there_is_1_and_what_is_no_cid_is_2() {
    let place = Place::new();
    place.put("/a", "1");
    for command in ["get", "stat", "cat", "export"] {
        place.run(["blocks", command, STORE, HELLO]).fails(1, &["no block", HELLO]);
        place.run(["blocks", command, STORE, "QmX"]).fails(2, &["not a CID"]);
        // Its codec is 2^63.
        let large = "bagaibaeaqcaibaeaaejcalhsjw5f7mfdbytoqozkyw46fhq3cypfyh5hijphgbbtmkjyxgbe";
        place.run(["blocks", command, STORE, large]).fails(2, &["no CID", "2^63"]);
    }
    place.run(["blocks", "dag", "ls", STORE, HELLO]).fails(1, &["no block", HELLO]);
    place.run(["blocks", "dag", "ls", STORE, HELLO, "-r"]).fails(1, &["no block", HELLO]);
    place.run(["blocks", "pin", "add", STORE, HELLO]).fails(1, &["no block", HELLO]);
    assert_eq!(place.run(["blocks", "has", STORE, HELLO]).code, Some(1));
    let get = place.run(["blocks", "get", STORE, HELLO, "-o", "out"]);
    assert_eq!((get.code, place.names()), (Some(1), vec!["store".to_owned()]));
}

#[test]
fn reading_creates_no_store() {
    let place = Place::new();
    for command in ["get", "has", "stat", "cat", "export", "rm"] {
        place.run(["blocks", command, STORE, HELLO]).fails(5, &["no datastore at"]);
    }
    for command in ["ls", "verify", "gc"] {
        place.run(["blocks", command, STORE]).fails(5, &["no datastore at"]);
    }
    place.run(["blocks", "dag", "ls", STORE, HELLO]).fails(5, &["no datastore at"]);
    place.run(["blocks", "pin", "ls", STORE]).fails(5, &["no datastore at"]);
    place.run(["blocks", "pin", "add", STORE, HELLO]).fails(5, &["no datastore at"]);
    assert!(place.names().is_empty());
}

#[test]
fn a_listing_goes_on_after_its_last_cid() {
    let place = Place::new();
    for number in 0..7 {
        place.feed(["blocks", "put", STORE], format!("block {number}").as_bytes()).ok();
    }
    let all = place.ok(["blocks", "ls", STORE]);
    assert_eq!(all.lines().count(), 7);
    let (mut paged, mut after) = (String::new(), None::<String>);
    for count in [3, 3, 1, 0] {
        let mut args = vec!["blocks", "ls", STORE, "--limit", "3"];
        args.extend(after.as_deref().map(|cid| ["--after", cid]).into_iter().flatten());
        let page = place.ok(args);
        assert_eq!(page.lines().count(), count);
        after = page.lines().last().map(str::to_owned);
        paged.push_str(&page);
    }
    assert_eq!(paged, all);
    let sizes = place.run(["blocks", "ls", STORE, "--long", "--json"]).ok().objects();
    assert!(sizes.iter().all(|block| block["size"] == 7), "{sizes:?}");
}

#[test]
fn blocks_lie_where_boxo_keeps_them_or_where_one_says() {
    let place = Place::new();
    place.feed(["blocks", "put", STORE], b"hello world").ok();
    place.feed(["blocks", "put", "fjall:top", "--prefix", "/"], b"hello world").ok();
    place.feed(["blocks", "--prefix", "/x/y", "put", "fjall:deep"], b"hello world").ok();
    // RFC 4648 base32 of the multihash.
    let name = "CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I";
    assert_eq!(place.keys(STORE), [format!("/blocks/{name}")]);
    assert_eq!(place.keys("fjall:top"), [format!("/{name}")]);
    assert_eq!(place.keys("fjall:deep"), [format!("/x/y/{name}")]);
    assert_eq!(place.ok(["blocks", "ls", "fjall:top"]), "");
    assert_eq!(place.ok(["blocks", "ls", "fjall:top", "--prefix", "/"]), format!("{HELLO}\n"));
}

#[test]
fn listings_tell_the_codecs_where_those_are_kept() {
    let place = Place::new();
    let car = fixture_of_blocks("go/small.car");
    let car = car.to_str().unwrap();
    place.ok(["blocks", "import", STORE, car, "--keep-codecs"]);
    let listed = place.ok(["blocks", "ls", STORE, "--keep-codecs"]);
    let stats: Vec<String> = listed
        .lines()
        .map(|cid| {
            let stat = place.run(["blocks", "stat", STORE, cid, "--json"]).ok().objects();
            stat[0]["codec"].as_str().unwrap().to_owned()
        })
        .collect();
    for codec in ["raw", "dag-pb", "dag-cbor"] {
        assert!(stats.iter().any(|found| found == codec), "{codec}: {stats:?}");
    }
}

#[test]
fn links_are_listed_and_walked() {
    let place = Place::new();
    // 600,000 bytes in chunks of 256 KiB: a root and three leaves.
    let file: Vec<u8> = (0..600_000u32).map(|n| (n / 7) as u8).collect();
    let root = place.feed(["blocks", "add", STORE, "-", "--cid-version", "1"], &file).ok().text();
    let root = root.trim_end();
    let leaves = place.ok(["blocks", "dag", "ls", STORE, root]);
    assert_eq!(leaves.lines().count(), 3);
    assert!(leaves.lines().all(|leaf| leaf.starts_with("bafkrei")), "{leaves}");
    let long = place.ok(["blocks", "dag", "ls", STORE, root, "--long"]);
    let sizes: Vec<&str> =
        long.lines().map(|line| line.trim_start().split(' ').next().unwrap()).collect();
    assert_eq!(sizes, ["262144", "262144", "75712"]);

    let walked = place.ok(["blocks", "dag", "ls", STORE, root, "--recursive"]);
    assert_eq!(walked, format!("{root}\n{leaves}"));
    let shallow = ["blocks", "dag", "ls", STORE, root, "--recursive", "--depth", "0"];
    assert_eq!(place.ok(shallow), format!("{root}\n"));
    let objects = place.run(["blocks", "dag", "ls", STORE, root, "-r", "--json"]).ok().objects();
    assert_eq!(objects[0]["parent"], Value::Null);
    assert_eq!(
        objects[3],
        json!({ "cid": leaves.lines().last(), "parent": root, "depth": 1,
        "codec": "raw", "size": 75712, "missing": false })
    );

    let leaf = leaves.lines().nth(1).unwrap();
    place.ok(["blocks", "rm", STORE, leaf, "--force"]);
    place.run(["blocks", "dag", "ls", STORE, root, "-r"]).fails(1, &[leaf, root]);
    let rest = place.run(["blocks", "dag", "ls", STORE, root, "-r", "--skip-missing"]);
    assert!(rest.text().contains(&format!("{leaf}  missing\n")), "{rest:?}");
    assert_eq!(rest.text().lines().count(), 4);
    rest.fails(1, &["1 block"]);
    place.run(["blocks", "cat", STORE, root]).fails(1, &[leaf, root]);
}

#[test]
fn links_that_are_long_identity_cids_are_listed_alike_whatever_the_codec() {
    let place = Place::new();
    let leaf = *Block::new(RAW, "leaf").cid();
    // Of 100 bytes each: a leaf, and a list of a link and text.
    let text = [&[0x78, 56][..], &[b'x'; 56]].concat();
    let node = [&b"\x82\xd8\x2a\x58\x25\x00"[..], &leaf.to_bytes(), &text].concat();
    let long =
        |codec, data: &[u8]| LongCid::new_v1(codec, Multihash::wrap(IDENTITY, data).unwrap());
    let links = [long(DAG_CBOR, &node), long(RAW, &[7; 100])];
    let listed = format!("{}\n{}\n", links[0], links[1]);

    let (mut cbor, mut pb) = (vec![0x82], Vec::new());
    for link in &links {
        let bytes = link.to_bytes();
        let len = bytes.len() as u8;
        cbor.extend([&[0xd8, 42, 0x58, len + 1, 0], &bytes[..]].concat());
        pb.extend([&[0x12, len + 2, 0x0a, len], &bytes[..]].concat());
    }
    let json = format!(r#"[{{"/":"{}"}},{{"/":"{}"}}]"#, links[0], links[1]).into_bytes();
    for (codec, data) in [("dag-cbor", cbor), ("dag-pb", pb), ("dag-json", json)] {
        let put = ["blocks", "put", STORE, "-", "--codec", codec];
        let cid = place.feed(put, &data).ok().text();
        let ls = ["blocks", "dag", "ls", STORE, cid.trim_end()];
        assert_eq!(place.ok(ls), listed, "{codec}");
        let objects = place.run(ls.into_iter().chain(["--json"])).ok().objects();
        let object =
            |link: &LongCid| json!({ "cid": link.to_string(), "name": null, "tsize": null });
        assert_eq!(objects, links.iter().map(object).collect::<Vec<_>>(), "{codec}");
    }
}

#[test]
fn a_block_whose_hash_is_not_known_is_2_and_comes_out_as_the_hint_says() {
    let place = Place::new();
    // Of MD5, which only another program stores.
    let multihash = [&[0xd5, 0x01, 16][..], &[7; 16]].concat();
    let cid = [&[0x01, 0x55][..], &multihash].concat();
    let cid = format!("f{}", HEXLOWER.encode(&cid));
    place.put(&format!("/blocks/{}", BASE32_NOPAD.encode(&multihash)), "of MD5");
    let get = ["blocks", "get", STORE, &cid];
    place.run(get).fails(2, &["0xd5", "cannot be verified", "--range 0.."]);
    assert_eq!(place.ok(get.into_iter().chain(["--range", "0.."])), "of MD5");
}

#[test]
fn a_damaged_block_is_4_and_is_not_written() {
    let place = Place::new();
    place.put("/blocks/CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I", "hello worle");
    for command in ["get", "cat", "export"] {
        let run = place.run(["blocks", command, STORE, HELLO]);
        assert!(run.out.is_empty(), "{command}");
        run.fails(4, &[HELLO]);
    }
    assert_eq!(place.run(["blocks", "export", STORE, HELLO, "-o", "out"]).code, Some(4));
    assert_eq!(place.names(), ["store"]);
}
