//! Multipart uploads: objects that arrive in parts.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use s3s::{S3Result, s3_error};

use super::objects::{Attributes, StoredObject};

/// Every part but the last has at least this many bytes.
const MIN_PART: usize = 5 << 20;

/// The uploads of a bucket that were begun and neither completed nor aborted.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    begun: u64,
    unfinished: BTreeMap<String, Upload>,
}

#[derive(Debug)]
struct Upload {
    name: String,
    attributes: Attributes,
    parts: BTreeMap<i32, Part>,
}

#[derive(Clone, Debug)]
struct Part {
    bytes: Bytes,
    md5: [u8; 16],
}

impl Uploads {
    /// The names of the objects that are being uploaded, in the order of their beginning.
    pub(super) fn names(&self) -> Vec<String> {
        self.unfinished.values().map(|upload| upload.name.clone()).collect()
    }

    /// Begins an upload and returns its id.
    pub(super) fn begin(&mut self, name: String, attributes: Attributes) -> String {
        self.begun += 1;
        let id = format!("upload-{:08}", self.begun);
        self.unfinished.insert(id.clone(), Upload { name, attributes, parts: BTreeMap::new() });
        id
    }

    /// Keeps a part, in place of an earlier one of that number, and returns its ETag.
    pub(super) fn keep(
        &mut self,
        id: &str,
        name: &str,
        number: i32,
        bytes: Bytes,
    ) -> S3Result<String> {
        let upload = self.unfinished.get_mut(id).filter(|upload| upload.name == name);
        let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        if !(1..=10_000).contains(&number) {
            return Err(s3_error!(InvalidArgument, "part numbers are 1 to 10000"));
        }
        let md5 = Md5::digest(&bytes).into();
        upload.parts.insert(number, Part { bytes, md5 });
        Ok(HEXLOWER.encode(&md5))
    }

    /// The object that the parts make. The upload stays until it is [finished](Self::finish).
    pub(super) fn assemble(
        &self,
        id: &str,
        name: &str,
        wanted: &[(i32, String)],
    ) -> S3Result<StoredObject> {
        let upload = self.unfinished.get(id).filter(|upload| upload.name == name);
        let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        if wanted.is_empty() {
            return Err(s3_error!(MalformedXML, "an upload has at least one part"));
        }
        if !wanted.is_sorted_by(|(left, _), (right, _)| left < right) {
            return Err(s3_error!(InvalidPartOrder));
        }
        let parts = wanted
            .iter()
            .map(|(number, etag)| {
                let part = upload.parts.get(number);
                part.filter(|part| HEXLOWER.encode(&part.md5) == *etag)
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| s3_error!(InvalidPart))?;
        if let Some((_last, others)) = parts.split_last()
            && others.iter().any(|part| part.bytes.len() < MIN_PART)
        {
            return Err(s3_error!(EntityTooSmall));
        }
        let mut whole = BytesMut::new();
        let mut md5s = Md5::new();
        for part in &parts {
            whole.extend_from_slice(&part.bytes);
            md5s.update(part.md5);
        }
        let etag = format!("{}-{}", HEXLOWER.encode(&md5s.finalize()), parts.len());
        Ok(StoredObject::with_etag(whole.freeze(), etag, upload.attributes.clone()))
    }

    /// Forgets an upload, completed or aborted.
    pub(super) fn finish(&mut self, id: &str) -> S3Result<()> {
        self.unfinished.remove(id).map(drop).ok_or_else(|| s3_error!(NoSuchUpload))
    }
}
