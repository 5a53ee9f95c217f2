//! `dstore blocks import` and `export`: CAR files, whole and damaged, in and out.

use std::io::Read;
use std::process::Stdio;

use data_encoding::HEXLOWER;
use datastore_blocks::{
    Block, CarDecoder, CarEvent, Cid, DAG_CBOR, IDENTITY, LongCid, Multihash, RAW,
};
use serde_json::{Value, json};

use crate::blocks_files::content;
use crate::harness::{Import, Place, fixture_of_blocks, send};

const STORE: &str = Place::STORE;

/// What the files of go are about.
const ROOTS: [&str; 2] = [
    "QmcrT9L1yTBEoj2JJ6RezUAy5aro9SFA9JcjgpebWwiZaG",
    "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
];

/// A CAR file of a large file, and how to import it from standard input.
pub(crate) fn large_car(place: &Place, size: usize) -> Vec<u8> {
    let url = "fjall:origin";
    let bytes = content("large", size);
    let add = ["blocks", "add", url, "-", "--cid-version", "1"];
    let root = place.feed(add, &bytes).ok().text();
    place.run(["blocks", "export", url, root.trim_end()]).ok().out
}

pub(crate) const IMPORT: [&str; 4] = ["blocks", "import", STORE, "--json"];

#[test]
fn files_of_go_and_js_are_imported() {
    for (name, blocks, identity, version) in [
        ("go/small.car", 16, 0, 1),
        ("go/small.dup.car", 21, 3, 1),
        ("go/small.v2.car", 16, 0, 2),
        ("go/small.v2.padded.car", 21, 3, 2),
    ] {
        let place = Place::new();
        let path = fixture_of_blocks(name);
        let import = ["blocks", "import", STORE, path.to_str().unwrap(), "--json"];
        let lines = place.run(import).ok().objects();
        let end = lines.last().unwrap();
        assert_eq!(end["imported"], blocks, "{name}");
        assert_eq!((&end["identity"], &end["version"]), (&json!(identity), &json!(version)));
        assert_eq!(end["roots"], json!(ROOTS), "{name}");
        assert_eq!(end["written"], 16, "{name}");
        assert_eq!(place.ok(["blocks", "ls", STORE]).lines().count(), 16, "{name}");
        place.ok(["blocks", "verify", STORE]);
        // Again: nothing is written.
        let end = place.run(import).ok().objects().pop().unwrap();
        assert_eq!((&end["written"], &end["bytes"]), (&json!(0), &json!(0)), "{name}");
        assert_eq!(end["present"], 21.min(blocks) - identity, "{name}");
    }
    let place = Place::new();
    let path = fixture_of_blocks("js/small.car");
    place.ok(["blocks", "import", STORE, path.to_str().unwrap()]);
    place.ok(["blocks", "verify", STORE]);
}

#[test]
fn an_import_says_what_it_did() {
    let place = Place::new();
    let car = std::fs::read(fixture_of_blocks("go/small.car")).unwrap();
    let import = place.feed(["blocks", "import", STORE], &car).ok().text();
    let (first, roots) = import.split_once('\n').unwrap();
    assert!(first.starts_with("imported 16 blocks: 16 new, "), "{first}");
    assert!(first.ends_with("; 0 already there"), "{first}");
    assert_eq!(roots, format!("root {}\nroot {}\n", ROOTS[0], ROOTS[1]));
}

#[test]
fn damaged_files_are_6_and_what_came_before_is_kept() {
    let text = std::fs::read_to_string(fixture_of_blocks("go/cars.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    for case in all["damaged"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let car = HEXLOWER.decode(case["car"].as_str().unwrap().as_bytes()).unwrap();
        let place = Place::new();
        let import = place.feed(["blocks", "import", STORE], &car);
        if case["error"] == "" && case["open_error"] == "" {
            import.ok();
            continue;
        }
        import.fails(6, &["at byte ", "hint"]);
        let before = case["blocks_before_the_error"].as_u64().unwrap() as usize;
        assert_eq!(place.ok(["blocks", "ls", STORE]).lines().count(), before, "{name}");
        place.ok(["blocks", "verify", STORE]);
    }
}

#[test]
fn a_bit_that_flipped_far_inside_is_named_by_its_offset() {
    let place = Place::new();
    let mut car = large_car(&place, 12 << 20);
    // A section of a whole chunk: 3 bytes of length, 36 of CID.
    let section = car.len() - 5 * ((256 << 10) + 39);
    car[section + 39 + 1000] ^= 1;
    let import = place.feed(["blocks", "import", STORE], &car);
    import.fails(6, &[&format!("at byte {section} "), "blocks before are kept", "digest"]);
    let kept = place.ok(["blocks", "ls", STORE]).lines().count();
    place.ok(["blocks", "verify", STORE]);

    // The rest of the whole file is all that a second import writes.
    car[section + 39 + 1000] ^= 1;
    let end = place.feed(IMPORT, &car).ok().objects().pop().unwrap();
    assert_eq!((&end["present"], &end["written"]), (&json!(kept), &json!(5)));
}

#[test]
fn the_same_roots_give_the_same_file_and_go_reads_version_2() {
    let place = Place::new();
    let car = large_car(&place, 3 << 20);
    place.write("in.car", &car);
    place.ok(["blocks", "import", STORE, "in.car"]);
    let root = place.ok(["blocks", "ls", STORE]).lines().count();
    assert_eq!(root, 13);
    let roots = place.feed(IMPORT, &car).ok().objects().pop().unwrap();
    let root = roots["roots"][0].as_str().unwrap();
    assert!(place.run(["blocks", "export", STORE, root]).ok().out == car);
    let exported = place.run(["blocks", "export", STORE, root, "-o", "out.car", "--json"]).ok();
    assert_eq!(exported.objects(), [json!({ "exported": 13, "bytes": car.len() })]);
    assert!(std::fs::read(place.path("out.car")).unwrap() == car);

    place.run(["blocks", "export", STORE, root, "--v2"]).fails(2, &["-o FILE"]);
    place.ok(["blocks", "export", STORE, root, "--v2", "-o", "v2.car"]);
    let v2 = std::fs::read(place.path("v2.car")).unwrap();
    // The pragma, the header of 40 bytes, the CARv1, and an index behind it.
    assert_eq!(&v2[..11], b"\x0a\xa1\x67version\x02");
    assert!(v2[51..51 + car.len()] == car);
    let number = |at: usize| u64::from_le_bytes(v2[at..at + 8].try_into().unwrap());
    assert_eq!((number(27), number(35)), (51, car.len() as u64));
    assert_eq!(number(43), 51 + car.len() as u64);
    assert_eq!(v2[51 + car.len()..][..2], [0x81, 0x08], "MultihashIndexSorted, 0x0401");
    let end = place.run(["blocks", "import", "fjall:v2", "v2.car", "--json"]).ok();
    assert_eq!(end.objects().pop().unwrap()["written"], 13);
}

#[test]
fn an_export_of_everything_has_every_block_and_the_pinned_roots() {
    let place = Place::new();
    let car = fixture_of_blocks("go/small.car");
    let import = ["blocks", "import", STORE, car.to_str().unwrap(), "--keep-codecs"];
    place.ok(import);
    place.ok(["blocks", "pin", "add", STORE, ROOTS[1]]);
    place.ok(["blocks", "export", STORE, "--all", "--keep-codecs", "-o", "all.car"]);
    let end = place.run(["blocks", "import", "fjall:again", "all.car", "--keep-codecs", "--json"]);
    let end = end.ok().objects().pop().unwrap();
    assert_eq!((&end["imported"], &end["roots"]), (&json!(16), &json!([ROOTS[1]])));
    let list = |url| place.ok(["blocks", "ls", url, "--long", "--keep-codecs"]);
    assert_eq!(list(STORE), list("fjall:again"));
    place.run(["blocks", "export", STORE]).fails(2, &["ROOTS"]);
}

#[test]
fn a_header_of_many_roots_is_taken_if_one_says_so() {
    let place = Place::new();
    // A list of 110,000 roots: 41 bytes each.
    let (cid, count) = (Block::new(RAW, "root"), 110_000u32);
    let link = [&b"\xd8\x2a\x58\x25\x00"[..], &cid.cid().to_bytes()].concat();
    let roots = [&b"\x9a"[..], &count.to_be_bytes(), &link.repeat(count as usize)].concat();
    let header = [b"\xa2\x65roots", &roots[..], b"\x67version\x01"].concat();
    let mut len = Vec::new();
    let mut left = header.len();
    while left >= 0x80 {
        len.push(left as u8 | 0x80);
        left >>= 7;
    }
    len.push(left as u8);
    place.write("many.car", [len, header].concat());
    let import = ["blocks", "import", STORE, "many.car"];
    place.run(import).fails(6, &["more than the 4194304 that are allowed"]);
    let import = place.run(import.into_iter().chain(["--max-header", "32MiB"])).ok();
    assert_eq!(import.text().lines().count(), 110_001);
}

#[test]
fn a_block_that_is_too_large_is_taken_if_one_says_so_wherever_it_stands() {
    let place = Place::new();
    // A root, and then leaves of 256 KiB.
    let dag = large_car(&place, 1 << 20);
    let leaf = Block::new(RAW, content("leaf", 256 << 10)).cid().to_string();
    place.feed(["blocks", "put", "fjall:leaf", "-"], &content("leaf", 256 << 10)).ok();
    let alone = place.run(["blocks", "export", "fjall:leaf", &leaf]).ok().out;
    for (car, before) in [(dag, "the block before is kept"), (alone, "no block was stored before")]
    {
        place.write("large.car", car);
        let import = ["blocks", "import", STORE, "large.car", "--max-block"];
        // Refused by the length of its section, and by its own.
        for most in ["100KiB", "262143"] {
            let import = import.into_iter().chain([most]);
            place.run(import).fails(6, &["hint", "--max-block", "bytes, more than", before]);
        }
        place.ok(import.into_iter().chain(["256KiB"]));
    }
}

/// The CIDs of the sections of a CARv1, as they stand in it.
fn sections(car: &[u8]) -> Vec<String> {
    let mut decoder = CarDecoder::new();
    let (mut input, mut cids) = (car, Vec::new());
    while let Some(event) = decoder.decode(&mut input).unwrap() {
        if let CarEvent::Block(found) = event {
            found.block.verify().unwrap();
            cids.push(found.block.cid().to_string());
        }
    }
    decoder.finish().unwrap();
    cids
}

#[test]
fn an_export_of_everything_is_about_no_block_that_is_missing() {
    let place = Place::new();
    place.feed(["blocks", "put", STORE, "-"], b"there").ok();
    let absent = Block::new(RAW, "absent").cid().to_string();
    let all = ["blocks", "export", STORE, "--all"];
    let named = ["blocks", "export", STORE, "--all", &absent];
    place.run(named).fails(1, &[&absent, "a root", "hint"]);
    place.run(all).ok();
    place.ok(["blocks", "pin", "add", STORE, &absent, "--no-check"]);
    place.run(all).fails(1, &[&absent, "a root"]);
}

#[test]
fn an_export_of_everything_has_roots_under_the_cids_that_the_header_names() {
    let place = Place::new();
    // Two leaves and a root of dag-pb, which listings call raw.
    let root = place.feed(["blocks", "add", STORE, "-"], &content("root", 300_000)).ok().text();
    let root = root.trim_end();
    let pins = place.ok(["blocks", "pin", "ls", STORE]);
    let pinned = pins.split(' ').next().unwrap();
    let raw = place.ok(["blocks", "ls", STORE]);
    let raw: Vec<&str> = raw.lines().filter(|cid| !cid.is_empty()).collect();
    let export = |more: &[&str]| {
        let export = ["blocks", "export", STORE, "--all"].into_iter().chain(more.iter().copied());
        sections(&place.run(export).ok().out)
    };
    let expected = |cids: &[&str]| {
        let is_root = |listed: &str| {
            let hash = |cid: &str| *cid.parse::<Cid>().unwrap().hash();
            hash(listed) == hash(root)
        };
        let mut expected = Vec::new();
        for listed in &raw {
            if is_root(listed) {
                expected.extend(cids.iter().map(ToString::to_string));
            } else {
                expected.push(listed.to_string());
            }
        }
        expected
    };
    assert_eq!(export(&[]), expected(&[pinned]));
    assert_eq!(export(&[root]), expected(&[root]));
    // Pinned under two codecs, it is there under both, once.
    let as_raw = raw.iter().find(|cid| expected(&[]).iter().all(|other| other != *cid)).unwrap();
    place.ok(["blocks", "pin", "add", STORE, as_raw]);
    let mut both = export(&[]);
    assert_eq!(both.len(), raw.len() + 1);
    both.dedup();
    assert!(both.len() == raw.len() + 1 && both.contains(&pinned.to_owned()), "{both:?}");
    assert!(both.contains(&(*as_raw).to_owned()), "{both:?}");
    assert_eq!(export(&[]), both);
}

#[test]
fn roots_are_pinned_if_all_below_them_is_there() {
    let place = Place::new();
    let car = large_car(&place, 1 << 20);
    place.write("whole.car", &car);
    let import = ["blocks", "import", STORE, "whole.car", "--pin", "--name", "large"];
    assert!(place.ok(import).trim_end().ends_with(", pinned"));
    assert!(place.ok(["blocks", "pin", "ls", STORE]).trim_end().ends_with("  recursive  large"));

    place.write("part.car", &car[..car.len() - (256 << 10) - 39]);
    let import = ["blocks", "import", "fjall:part", "part.car", "--pin"];
    place.run(import).fails(1, &["was not pinned", "no block", "hint"]);
    assert_eq!(place.ok(["blocks", "pin", "ls", "fjall:part"]), "");
    assert_eq!(place.ok(["blocks", "ls", "fjall:part"]).lines().count(), 4);
    place.run(["blocks", "import", STORE, "whole.car", "--name", "x"]).fails(2, &["--pin"]);
}

/// A CARv1 of no blocks with these roots.
fn car_of_roots(roots: &[Vec<u8>]) -> Vec<u8> {
    let mut header = b"\xa2\x67version\x01\x65roots".to_vec();
    header.push(0x80 | roots.len() as u8);
    for root in roots {
        header.extend([&[0xd8, 42, 0x58, root.len() as u8 + 1, 0], &root[..]].concat());
    }
    // A varint of two bytes.
    let len = header.len();
    [vec![len as u8 | 0x80, (len >> 7) as u8], header].concat()
}

#[test]
fn roots_that_are_long_identity_cids_are_named_and_what_they_link_to_is_pinned() {
    let place = Place::new();
    let (one, two) = (Block::new(RAW, "one"), Block::new(RAW, "two"));
    for data in ["one", "two"] {
        place.feed(["blocks", "put", STORE, "-"], data.as_bytes()).ok();
    }
    let long = |codec, held: &[u8]| {
        let cid = LongCid::new_v1(codec, Multihash::wrap(IDENTITY, held).unwrap());
        (cid.to_bytes(), cid.to_string())
    };
    // A list of a link and 40 bytes of text.
    let link = [&b"\xd8\x2a\x58\x25\x00"[..], &two.cid().to_bytes()].concat();
    let (node, node_text) =
        long(DAG_CBOR, &[&b"\x82"[..], &link, b"\x78\x28", &[b'x'; 40]].concat());
    let (leaf, leaf_text) = long(RAW, &[7; 128]);
    let (unknown, unknown_text) = long(0x78, &[7; 65]);
    let pin = ["blocks", "import", STORE, "--json", "--pin"];
    let pinned = || place.ok(["blocks", "pin", "ls", STORE]);
    let usual = one.cid().to_bytes();

    let file = car_of_roots(&[usual.clone(), unknown]);
    let end = place.feed(IMPORT, &file).ok().objects().pop().unwrap();
    assert_eq!(end["roots"], json!([one.cid().to_string(), unknown_text]));
    let refused = place.feed(pin, &file);
    refused.fails(2, &["nothing was pinned", &unknown_text, "not known", "pin add"]);
    assert_eq!(pinned(), "");

    let end = place.feed(pin, &car_of_roots(std::slice::from_ref(&leaf))).objects().pop().unwrap();
    assert_eq!((&end["roots"], &end["pinned"]), (&json!([leaf_text]), &json!(false)));
    let mixed = car_of_roots(&[leaf, node, usual]);
    let end = place.feed(pin, &mixed).ok().objects().pop().unwrap();
    let roots = json!([one.cid().to_string(), leaf_text, node_text]);
    assert_eq!((&end["roots"], &end["pinned"]), (&roots, &json!(true)));
    let told = place.feed(["blocks", "import", STORE, "--pin"], &mixed).ok().text();
    let roots = format!("root {}, pinned\nroot {leaf_text}\nroot {node_text}\n", one.cid());
    assert!(told.ends_with(&roots), "{told}");
    let pinned = pinned();
    assert_eq!(pinned.lines().count(), 2, "{pinned}");
    for block in [one, two] {
        assert!(pinned.contains(&format!("{}  recursive", block.cid())), "{pinned}");
    }
}

#[test]
fn a_file_without_roots_pins_nothing_and_says_so() {
    let place = Place::new();
    place.feed(["blocks", "put", "fjall:one", "-"], b"one").ok();
    let car = place.run(["blocks", "export", "fjall:one", "--all"]).ok().out;
    let import = place.feed(IMPORT.into_iter().chain(["--pin"]), &car);
    let end = import.objects().pop().unwrap();
    assert_eq!((&end["roots"], &end["pinned"], import.code), (&json!([]), &json!(false), Some(0)));
    assert!(import.err.starts_with("warning: ") && import.err.contains("nothing was pinned"));
    assert_eq!(place.ok(["blocks", "pin", "ls", STORE]), "");
    let end = place.feed(IMPORT, &car).ok().objects().pop().unwrap();
    assert_eq!(end["pinned"], false);
}

#[test]
fn an_import_that_is_interrupted_keeps_what_it_acknowledged() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = Place::new();
        let car = large_car(&place, 20 << 20);
        let mut import = Import::begin(place.command(IMPORT));
        import.feed(&car[..car.len() / 2]);
        import.wait_for(16);
        send(signal, &import.child);
        assert_eq!(import.child.wait().unwrap().code(), Some(code), "{signal}");
        let there = place.ok(["blocks", "ls", STORE]).lines().count();
        assert!(there >= 16, "{there}");
        place.ok(["blocks", "verify", STORE]);
        let end = place.feed(IMPORT, &car).ok().objects().pop().unwrap();
        assert_eq!(end["present"], there);
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let place = Place::new();
    let root = place.feed(["blocks", "add", STORE, "-"], &content("pipe", 5 << 20)).ok().text();
    let root = root.trim_end();
    let commands: [&[&str]; 5] = [
        &["cat", STORE, root],
        &["export", STORE, root],
        &["export", STORE, "--all"],
        &["ls", STORE],
        &["dag", "ls", STORE, root, "--recursive", "--json"],
    ];
    for command in commands {
        let mut child = place
            .command(["blocks"].iter().chain(command))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut [0; 20]).unwrap();
        drop(output);
        let ended = child.wait_with_output().unwrap();
        let complaints = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), complaints.as_str()), (Some(0), ""), "{command:?}");
    }
    // A file that takes nothing.
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: this machine has no /dev/full");
        return;
    };
    let export = place.command(["blocks", "export", STORE, root]).stdout(full).output().unwrap();
    assert_eq!(export.status.code(), Some(6));
}

#[test]
fn an_import_whose_reader_goes_away_ends_after_the_batch() {
    let place = Place::new();
    let car = large_car(&place, 30 << 20);
    let mut import = Import::begin(place.command(IMPORT));
    import.feed(&car[..10 << 20]);
    import.wait_for(16);
    drop(import.output);
    // It reads on until it has something to say.
    drop(std::io::Write::write_all(&mut import.input, &car[10 << 20..]));
    drop(import.input);
    assert_eq!(import.child.wait().unwrap().code(), Some(0));
    place.ok(["blocks", "verify", STORE]);
}
