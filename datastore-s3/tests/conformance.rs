//! The conformance suite over object storage: in memory, over HTTP to a server in this process, and to a
//! real server where the environment names one.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datastore::{Conditions, Result, Ttl, TtlOptions};
use datastore_conformance::{Scale, Suite, reopenable};
use datastore_s3::{Access, Bucket, ObjectDatastore, ObjectOptions};
use libtest_mimic::Trial;
use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use s3_testing::{Credentials, RealServer, S3Server};

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let mut trials =
        [in_memory(), over_http(), expiring()].iter().flat_map(Suite::trials).collect::<Vec<_>>();
    if let Some(server) = RealServer::from_env().map(Arc::new) {
        let conditional = real(Arc::clone(&server), "real", options());
        let plain = real(server, "real_plain", options().conditions(Conditions::Unsupported));
        trials.extend(conditional.trials().into_iter().map(|trial| known(trial, &[MIXED, LISTED])));
        let again = plain.trials().into_iter().filter(|trial| MIXED.names(trial));
        trials.extend(again.map(|trial| known(trial, &[LISTED])));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Cases that a server is known not to keep.
struct Known {
    reason: &'static str,
    cases: &'static [&'static str],
}

/// Cases with plain and conditional puts of one key at the same time. Ceph's gateway (seen with 16.2)
/// acknowledges a plain put that lost a race against a conditional one, as if it had come before it, although
/// the condition was on what it replaced. Over a real server they run without conditions.
const MIXED: Known = Known {
    reason: "skipped: Ceph loses plain puts that race with conditional ones",
    cases: &[
        "::concurrency::single_writes_fit_one_order",
        "::concurrency::batches_fit_one_order_on_each_key",
        "::concurrency::listings_fit_between_writes",
        "::concurrency::failures_and_lost_replies_fit_one_order",
        "::concurrency::dropped_commits_fit_one_order",
        "::updates::updates_and_plain_writes_do_not_mix_up",
    ],
};

/// The case that lists while keys are put and deleted. After a put that raced a delete of its key, Ceph's
/// gateway (16.2, in 4 of 3,000 such races of a raw client) answers reads of the key and never lists it,
/// until it is written again.
const LISTED: Known = Known {
    reason: "skipped: Ceph does not list every key whose put raced a delete",
    cases: &["::concurrency::listings_fit_between_writes"],
};

impl Known {
    fn names(&self, trial: &Trial) -> bool {
        self.cases.iter().any(|case| trial.name().ends_with(case))
    }
}

/// What a server is known not to keep is printed, and not run.
fn known(trial: Trial, known: &[Known]) -> Trial {
    match known.iter().find(|known| known.names(&trial)) {
        Some(known) => {
            Trial::test(trial.name(), || Ok(())).with_kind(known.reason).with_ignored_flag(true)
        }
        None => trial,
    }
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
    let open = |server: Arc<S3Server>| async move { open_at(&server).await };
    Suite::new(reopenable(|| Ok(S3Server::start()), open)).name("s3")
}

/// Values that can expire, swept all the time, over the server in this process.
fn expiring() -> Suite {
    let open = |server: Arc<S3Server>| async move {
        let options = TtlOptions {
            sweep_interval: Duration::from_millis(20),
            sweep_jitter: Duration::ZERO,
            ..TtlOptions::default()
        };
        Ttl::with_options(open_at(&server).await?, options).await
    };
    Suite::new(reopenable(|| Ok(S3Server::start()), open)).name("ttl_s3").scale(Scale::Small)
}

async fn open_at(server: &S3Server) -> Result<ObjectDatastore> {
    let endpoint = server.endpoint();
    open(&endpoint, server.region(), server.bucket(), server.credentials(), options()).await
}

/// Against the server that the environment names, each case below a prefix of its own.
fn real(server: Arc<RealServer>, name: &'static str, options: ObjectOptions) -> Suite {
    let number = AtomicUsize::new(0);
    let place = move || Ok(number.fetch_add(1, Ordering::Relaxed));
    let open = move |number: Arc<usize>| {
        let server = Arc::clone(&server);
        let options = options.clone().prefix(format!("{name}/{number:04}"));
        async move {
            let (region, bucket) = (server.region(), server.bucket());
            open(server.endpoint(), region, bucket, server.credentials(), options).await
        }
    };
    Suite::new(reopenable(place, open)).name(name).scale(Scale::Small)
}

async fn open(
    endpoint: &str,
    region: &str,
    bucket: &str,
    credentials: &Credentials,
    options: ObjectOptions,
) -> Result<ObjectDatastore> {
    let s3 = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region(region)
        .with_access_key_id(&credentials.access_key)
        .with_secret_access_key(&credentials.secret_key);
    options.open(Bucket::s3(s3)?).await
}
