//! The main job: a CAR file into fjall with a kill in the middle, verified, copied to a bucket, exported
//! again from both.

use crate::blocks_cars::{IMPORT, large_car};
use crate::buckets::{Cloud, STORE as BUCKET};
use crate::harness::{Import, Place, fixture_of_blocks, json};

const STORE: &str = Place::STORE;

/// What go wrote, and a file of 20 MiB, in one CAR file that tells the codecs.
fn car(place: &Place) -> Vec<u8> {
    let url = "fjall:made";
    let keep = "--keep-codecs";
    let of_go = fixture_of_blocks("go/small.car");
    place.ok(["blocks", "import", url, of_go.to_str().unwrap(), keep]);
    let large = large_car(place, 20 << 20);
    place.feed(["blocks", "import", url, "--pin", keep], &large).ok();
    place.run(["blocks", "export", url, "--all", keep]).ok().out
}

#[test]
fn a_car_survives_a_killed_import_and_comes_back_from_disk_and_bucket_byte_for_byte() {
    let cloud = Cloud::new();
    let place = &cloud.place;
    let car = car(place);
    let keep = "--keep-codecs";

    let import = || IMPORT.into_iter().chain([keep]);
    let mut first = Import::begin(place.command(import()));
    first.feed(&car[..car.len() / 2]);
    first.wait_for(16);
    first.child.kill().unwrap();
    assert_eq!(first.child.wait().unwrap().code(), None, "it was killed");
    let kept = place.ok(["blocks", "ls", STORE]).lines().count() as u64;
    assert!(kept >= 16, "{kept}");
    place.ok(["blocks", "verify", STORE]);

    let second = place.feed(import(), &car).ok().text();
    let end = json(second.lines().last().unwrap());
    let imported = end["imported"].as_u64().unwrap();
    // 80 chunks and a root, and what go wrote.
    assert_eq!(imported, 81 + 16);
    assert_eq!(end["present"].as_u64(), Some(kept));
    assert_eq!(end["written"].as_u64(), Some(imported - kept));
    let root = end["roots"][0].as_str().unwrap().to_owned();

    let verified = place.ok(["blocks", "verify", STORE]);
    assert!(verified.starts_with("97 blocks verified (20."), "{verified}");
    assert!(verified.ends_with(", no damage\n"), "{verified}");
    cloud.ok(&["copy", STORE, BUCKET]);
    let verified = cloud.ok(&["blocks", "verify", BUCKET]);
    assert!(verified.starts_with("97 blocks verified (20."), "{verified}");

    for url in [STORE, BUCKET] {
        let all = ["blocks", "export", url, "--all", &root, keep];
        assert!(cloud.run(&all).ok().out == car, "{url}: the export differs");
    }
    let dag = |url| cloud.run(&["blocks", "export", url, &root]).ok().out;
    let from_disk = dag(STORE);
    assert!(from_disk == dag(BUCKET), "the exports of the root differ");
    assert!(from_disk == large_car(&Place::new(), 20 << 20));
}

#[test]
fn every_command_works_on_a_bucket() {
    let cloud = Cloud::new();
    cloud.place.write("file", vec![7; 600_000]);
    let cid = cloud.ok(&["blocks", "add", BUCKET, "file", "--no-pin"]);
    let cid = cid.trim_end();
    // Reading takes no lease and writes nothing.
    let before = cloud.server.names();
    cloud.ok(&["blocks", "stat", BUCKET, cid]);
    cloud.ok(&["blocks", "has", BUCKET, cid]);
    assert!(cloud.run(&["blocks", "cat", BUCKET, cid]).ok().out == vec![7; 600_000]);
    assert_eq!(cloud.ok(&["blocks", "ls", BUCKET]).lines().count(), 3);
    assert_eq!(cloud.ok(&["blocks", "dag", "ls", BUCKET, cid]).lines().count(), 3);
    cloud.ok(&["blocks", "export", BUCKET, cid, "-o", "out.car"]);
    cloud.ok(&["blocks", "pin", "ls", BUCKET]);
    assert_eq!(cloud.server.names(), before);

    cloud.ok(&["blocks", "pin", "add", BUCKET, cid]);
    cloud.run(&["blocks", "rm", BUCKET, cid]).fails(3, &["pinned"]);
    cloud.place.write("block", "hello world");
    let block = cloud.ok(&["blocks", "put", BUCKET, "block"]);
    let gc = cloud.ok(&["blocks", "gc", BUCKET, "--marks", "fjall:marks"]);
    assert!(gc.starts_with("removed 1 block, 11 B; kept 3 blocks"), "{gc}");
    assert_eq!(cloud.run(&["blocks", "has", BUCKET, block.trim_end()]).code, Some(1));
    cloud.ok(&["blocks", "import", "s3://test-bucket/other", "out.car", "--pin"]);
    assert!(
        cloud.run(&["blocks", "cat", "s3://test-bucket/other", cid]).ok().out == vec![7; 600_000]
    );
}
