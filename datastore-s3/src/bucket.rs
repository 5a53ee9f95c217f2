use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datastore::{Conditions, Error, ErrorKind, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::signer::Signer;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use crate::conditional_delete::ConditionalDelete;
use crate::listing::{Lister, PathLister, StreamLister, WireLister};
use crate::wire::{OneClient, Wire};

/// Where objects are kept, and how they are reached.
///
/// # Examples
/// ```
/// use datastore_s3::Bucket;
/// use object_store::aws::AmazonS3Builder;
///
/// let s3 = AmazonS3Builder::from_env()
///     .with_bucket_name("node")
///     .with_endpoint("http://127.0.0.1:9000")
///     .with_region("us-east-1")
///     .with_access_key_id("id")
///     .with_secret_access_key("never shown");
/// let bucket = Bucket::s3(s3)?;
/// assert_eq!(bucket.to_string(), "s3://node at http://127.0.0.1:9000");
/// assert!(!format!("{bucket:?}").contains("never shown"));
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone)]
pub struct Bucket {
    place: Arc<str>,
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The same without bulk deletes, which some servers do not know.
    pub(crate) one_by_one: Arc<dyn ObjectStore>,
    pub(crate) lister: Arc<dyn Lister>,
    pub(crate) conditional_delete: Option<ConditionalDelete>,
    /// Whether objects carry metadata: a checksum, and who wrote them.
    pub(crate) metadata: bool,
}

/// The longest that a request may take, its body included.
const REQUEST: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

impl Bucket {
    /// A bucket of S3, or of a server that speaks its protocol.
    ///
    /// The builder's options for HTTP and for retries are replaced: this crate tries again by itself,
    /// since it has to know what became of each attempt ([`Retry`](crate::Retry)). An endpoint that
    /// begins with `http://` is taken as it is; name and secret cross the network signed, not encrypted.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for options that do not go together.
    pub fn s3(builder: AmazonS3Builder) -> Result<Self> {
        Self::s3_with(builder, REQUEST)
    }

    /// As [`Bucket::s3`], with requests that take at most `timeout`, bodies included; it is 30 s
    /// otherwise.
    ///
    /// # Errors
    /// As [`Bucket::s3`].
    pub fn s3_with(builder: AmazonS3Builder, timeout: Duration) -> Result<Self> {
        let setting = |key| builder.get_config_value(&key);
        let bucket = setting(AmazonS3ConfigKey::Bucket).unwrap_or_default();
        let endpoint =
            setting(AmazonS3ConfigKey::S3Endpoint).or(setting(AmazonS3ConfigKey::Endpoint));
        let place = match &endpoint {
            Some(endpoint) => format!("s3://{bucket} at {}", without_credentials(endpoint)),
            None => format!("s3://{bucket}"),
        };
        let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let options = ClientOptions::new()
            .with_allow_http(plain)
            .with_timeout(timeout)
            .with_connect_timeout(CONNECT.min(timeout));
        let client = Wire::client(&options).map_err(|error| refused(&place, &error))?;
        let build = |bulk_delete: bool| -> Result<Arc<AmazonS3>> {
            let s3 = builder
                .clone()
                .with_client_options(options.clone())
                .with_http_connector(OneClient { client: client.clone(), plain })
                .with_retry(no_retries())
                .with_disable_bulk_delete(!bulk_delete)
                .build();
            Ok(Arc::new(s3.map_err(|error| refused(&place, &error))?))
        };
        let s3 = build(true)?;
        let signer: Arc<dyn Signer> = Arc::clone(&s3) as _;
        Ok(Self {
            lister: Arc::new(WireLister(Arc::clone(&s3))),
            conditional_delete: Some(ConditionalDelete { signer, client: client.clone() }),
            one_by_one: build(false)?,
            objects: s3,
            place: place.into(),
            metadata: true,
        })
    }

    /// A bucket of Google Cloud Storage. Not tested against the real service.
    ///
    /// # Errors
    /// As [`Bucket::s3`].
    pub fn gcs(builder: GoogleCloudStorageBuilder) -> Result<Self> {
        use object_store::gcp::GoogleConfigKey::Bucket as Name;
        let place = format!("gs://{}", builder.get_config_value(&Name).unwrap_or_default());
        let gcs = builder.with_retry(no_retries()).build();
        let gcs = Arc::new(gcs.map_err(|error| refused(&place, &error))?);
        let lister = Arc::new(PathLister(Arc::clone(&gcs)));
        Ok(Self::with_lister(gcs, lister, place))
    }

    /// A container of Azure Blob Storage. Not tested against the real service.
    ///
    /// # Errors
    /// As [`Bucket::s3`].
    pub fn azure(builder: MicrosoftAzureBuilder) -> Result<Self> {
        use object_store::azure::AzureConfigKey::ContainerName as Name;
        let place = format!("az://{}", builder.get_config_value(&Name).unwrap_or_default());
        let azure = builder.with_retry(no_retries()).build();
        let azure = Arc::new(azure.map_err(|error| refused(&place, &error))?);
        let lister = Arc::new(PathLister(Arc::clone(&azure)));
        Ok(Self::with_lister(azure, lister, place))
    }

    /// Any other store of objects that lists in the order of names; `place` is how messages call it.
    ///
    /// If it tries failed requests again by itself, give the datastore
    /// [`Retry::never`](crate::Retry::never).
    pub fn over(objects: Arc<dyn ObjectStore>, place: impl Into<String>) -> Self {
        let lister = Arc::new(StreamLister(Arc::clone(&objects)));
        Self::with_lister(objects, lister, place.into())
    }

    fn with_lister(objects: Arc<dyn ObjectStore>, lister: Arc<dyn Lister>, place: String) -> Self {
        let one_by_one = Arc::clone(&objects);
        Self {
            place: place.into(),
            objects,
            one_by_one,
            lister,
            conditional_delete: None,
            metadata: false,
        }
    }

    /// What this crate can ask of the bucket, whatever the server holds.
    pub(crate) fn most_conditions(&self) -> Conditions {
        match self.conditional_delete {
            Some(_) => Conditions::SingleKey,
            None => Conditions::SinglePut,
        }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }
}

fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// An endpoint as it may be shown: somebody may have put a secret before its `@`.
fn without_credentials(endpoint: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host}")
        }
        None => endpoint.rsplit_once('@').map_or(endpoint, |(_, host)| host).to_owned(),
    }
}

fn refused(place: &str, error: &object_store::Error) -> Error {
    let message = format!("the settings for {place} do not work: {error}");
    Error::new(ErrorKind::InvalidInput, message)
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is inside prints credentials.
        write!(f, "Bucket({})", self.place)
    }
}
