//! The CIDs of files against those that go gives them.

use datastore_blocks::AddOptions;
use serde_json::Value;

use crate::unixfs_support::{add, content, empty, read};

fn fixture() -> Vec<Value> {
    let text = include_str!("../fixtures/go/unixfs.json");
    let fixture: Value = serde_json::from_str(text).unwrap();
    fixture["files"].as_array().unwrap().clone()
}

#[tokio::test]
async fn files_have_the_cids_of_go_and_as_many_blocks() {
    let files = fixture();
    assert_eq!(files.len(), 15);
    for file in files {
        let content = content(file["seed"].as_str(), file["size"].as_u64().unwrap() as usize);
        for (options, cid) in [
            (AddOptions::v0(), &file["cid_v0_dagpb_leaves"]),
            (AddOptions::v1(), &file["cid_v1_raw_leaves"]),
        ] {
            let blocks = empty().await;
            let added = add(&blocks, &content, &options).await;
            assert_eq!(&added.cid.to_string(), cid, "{file}");
            assert_eq!(added.size, content.len() as u64);
            assert_eq!(added.stored.written, file["distinct_blocks_v1"], "{file}");
            assert_eq!(blocks.file_size(&added.cid).await.unwrap(), content.len() as u64);
            assert!(read(&blocks, &added.cid).await.unwrap() == content, "{file}");
        }
    }
}
