//! The conformance suite over object storage: in memory, and over HTTP.

use std::process::ExitCode;
use std::sync::Arc;

use datastore_conformance::{Suite, reopenable};
use datastore_s3::{Access, Bucket, ObjectOptions};
use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use s3_testing::S3Server;

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let suites = [in_memory(), over_http()];
    let trials = suites.iter().flat_map(Suite::trials).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Writers beside others: a handle that is dropped and not closed leaves no lease behind.
fn options() -> ObjectOptions {
    ObjectOptions::new().prefix("suite/data").access(Access::Shared)
}

fn in_memory() -> Suite {
    let place = || Ok(Bucket::over(Arc::new(InMemory::new()), "memory"));
    let open = |bucket: Arc<Bucket>| async move { options().open((*bucket).clone()).await };
    Suite::new(reopenable(place, open)).name("in_memory")
}

fn over_http() -> Suite {
    let open = |server: Arc<S3Server>| async move {
        let credentials = server.credentials();
        let s3 = AmazonS3Builder::new()
            .with_endpoint(server.endpoint())
            .with_bucket_name(server.bucket())
            .with_region(server.region())
            .with_access_key_id(&credentials.access_key)
            .with_secret_access_key(&credentials.secret_key);
        options().open(Bucket::s3(s3)?).await
    };
    Suite::new(reopenable(|| Ok(S3Server::start()), open)).name("s3")
}
