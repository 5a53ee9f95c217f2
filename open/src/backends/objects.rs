//! What the URLs of all object storage have in common: `SCHEME://BUCKET/PREFIX` and most options.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use datastore::{Conditions, Datastore, Error, ErrorKind, Result};
use datastore_s3::{Access, Bucket, ObjectOptions, Retry};

use super::{Opening, Removal};
use crate::StoreUrl;
use crate::options::OptionSpec;

/// The options of all object storage.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new("access", "read|write|shared", "alone, as the one writer, or beside others"),
    OptionSpec::new("create", "true|false", "false: the store must exist already"),
    OptionSpec::new("conditions", "none|puts|keys", "what the server holds, instead of a trial"),
    OptionSpec::new("concurrency", "N", "most requests of one operation at a time"),
    OptionSpec::new("page", "N", "most objects of one listing"),
    OptionSpec::new("part", "SIZE", "larger values are uploaded in parts of it"),
    OptionSpec::new("lease", "TIME", "how long a writer that died keeps others away"),
    OptionSpec::new("retry", "TIME", "how long to try again what fails; `0s`: never"),
    OptionSpec::new("timeout", "TIME", "the longest that a request may take"),
    OptionSpec::new("unsigned", "true|false", "true: anonymous, for public buckets"),
    OptionSpec::new("credentials", "instance", "ask the machine's metadata service for them"),
];

/// Who is asked to sign requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signing {
    /// Credentials from the environment; without any it is refused.
    Environment,
    /// Those of the machine, from the metadata service of the cloud that it runs in.
    Instance,
    /// Nobody.
    Unsigned,
}

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) bucket: String,
    /// A path without `/` at its ends, or nothing.
    pub(super) prefix: String,
}

impl Location {
    /// The location of `SCHEME://BUCKET/PREFIX`.
    pub(super) fn of(url: &StoreUrl) -> Result<Self> {
        let scheme = url.scheme();
        let form = || invalid(format!("write `{scheme}://BUCKET/PREFIX`, or `{scheme}://BUCKET`"));
        let location = str::from_utf8(url.location()).map_err(|_| form())?;
        // What stands there is not repeated: it may be a secret.
        let path = location.strip_prefix("//").ok_or_else(form)?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.contains(['@', ':']) {
            return Err(url.refuse_credentials());
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_plain) {
            return Err(form());
        }
        let prefix = prefix.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(prefix);
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Bucket and prefix, a segment each.
    pub(super) fn path(self) -> Vec<String> {
        let Self { bucket, prefix } = self;
        let segments = prefix.split('/').filter(|segment| !segment.is_empty());
        std::iter::once(bucket).chain(segments.map(str::to_owned)).collect()
    }
}

/// Refuses what is wrong with location and options.
pub(super) fn check(url: &StoreUrl) -> Result<()> {
    timeout(url)?;
    signing(url)?;
    settings(url)?.check()
}

/// Opens the store in a bucket that `reach` makes.
pub(super) fn open(url: &StoreUrl, reach: fn(&StoreUrl) -> Result<Bucket>) -> Opening {
    let ready = settings(url).and_then(|settings| Ok((settings, reach(url)?)));
    Box::pin(async move {
        let (settings, bucket) = ready?;
        Ok(Arc::new(settings.open(bucket).await?) as Arc<dyn Datastore>)
    })
}

/// Removes a store without entries from a bucket that `reach` makes.
pub(super) fn remove(url: &StoreUrl, reach: fn(&StoreUrl) -> Result<Bucket>) -> Removal {
    let ready = settings(url).and_then(|settings| Ok((settings, reach(url)?)));
    Box::pin(async move {
        let (settings, bucket) = ready?;
        settings.remove(bucket).await
    })
}

/// The longest that a request may take.
pub(super) fn timeout(url: &StoreUrl) -> Result<Option<Duration>> {
    url.options().time("timeout", Duration::from_millis(1)..=A_DAY)
}

pub(super) fn signing(url: &StoreUrl) -> Result<Signing> {
    let options = url.options();
    let unsigned = options.flag("unsigned")?.unwrap_or(false);
    let instance = options.one_of("credentials", &[("instance", ())])?.is_some();
    match (unsigned, instance) {
        (true, true) => Err(invalid("give `unsigned` or `credentials`, not both".to_owned())),
        (true, false) => Ok(Signing::Unsigned),
        (false, true) => Ok(Signing::Instance),
        (false, false) => Ok(Signing::Environment),
    }
}

fn settings(url: &StoreUrl) -> Result<ObjectOptions> {
    let options = url.options();
    let mut settings = ObjectOptions::new().prefix(Location::of(url)?.prefix);
    let accesses = [("read", Access::Read), ("write", Access::Write), ("shared", Access::Shared)];
    if let Some(access) = options.one_of("access", &accesses)? {
        settings = settings.access(access);
    }
    if let Some(create) = options.flag("create")? {
        settings = settings.create(create);
    }
    let grades = [
        ("none", Conditions::Unsupported),
        ("puts", Conditions::SinglePut),
        ("keys", Conditions::SingleKey),
    ];
    if let Some(conditions) = options.one_of("conditions", &grades)? {
        settings = settings.conditions(conditions);
    }
    if let Some(requests) = options.number("concurrency", 1..=4096)? {
        settings = settings.concurrency(requests);
    }
    if let Some(objects) = options.number("page", 1..=1000)? {
        settings = settings.page(objects);
    }
    if let Some(bytes) = options.size("part")? {
        settings = settings.part_bytes(part(bytes)?);
    }
    if let Some(lease) = options.time("lease", Duration::from_secs(1)..=A_DAY)? {
        settings = settings.lease(lease);
    }
    if let Some(time) = options.time("retry", Duration::ZERO..=A_DAY)? {
        settings = settings.retry(retry(time));
    }
    Ok(settings)
}

/// For as long as this, however often.
fn retry(within: Duration) -> Retry {
    if within.is_zero() { Retry::never() } else { Retry::new().retries(u32::MAX).within(within) }
}

fn part(bytes: u64) -> Result<usize> {
    const PARTS: RangeInclusive<u64> = 5 << 20..=5 << 30;
    let part = usize::try_from(bytes).ok().filter(|_| PARTS.contains(&bytes));
    part.ok_or_else(|| invalid("option `part` is from 5MiB to 5GiB".to_owned()))
}

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The refusal where there are no credentials.
pub(super) fn no_credentials(scheme: &str, variables: &str) -> Error {
    let message = format!(
        "there are no credentials for `{scheme}:`: set {variables} in the environment; for a public \
         bucket add the option `unsigned=true`, and where the machine itself has rights \
         `credentials=instance`"
    );
    Error::new(ErrorKind::PermissionDenied, message)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
