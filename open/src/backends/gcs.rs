use datastore::Result;
use datastore_s3::Bucket;
use object_store::ClientOptions;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};

use super::Backend;
use super::objects::{self, Location, Signing};
use crate::StoreUrl;
use crate::place::Place;

/// `gs://BUCKET/PREFIX` — Google Cloud Storage. Not tested against the real service.
pub(super) const BACKEND: Backend = Backend {
    scheme: "gs",
    form: "gs://BUCKET/PREFIX",
    about: "a bucket of Google Cloud Storage (not tested against it)",
    options: &[objects::OPTIONS],
    credentials: Some(VARIABLES),
    check: objects::check,
    open: |url| objects::open(url, bucket),
    remove: Some(|url| objects::remove(url, bucket)),
    place: |url| {
        let path = Location::of(url)?.path();
        Ok(Place::Bucket { server: "storage.googleapis.com".to_owned(), path })
    },
};

const VARIABLES: &str = "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT";

fn bucket(url: &StoreUrl) -> Result<Bucket> {
    let environment = GoogleCloudStorageBuilder::from_env();
    let mut gcs = sign(url, environment)?.with_bucket_name(Location::of(url)?.bucket);
    if let Some(timeout) = objects::timeout(url)? {
        gcs = gcs.with_client_options(ClientOptions::new().with_timeout(timeout));
    }
    Bucket::gcs(gcs)
}

fn sign(url: &StoreUrl, gcs: GoogleCloudStorageBuilder) -> Result<GoogleCloudStorageBuilder> {
    let is_set = |key| gcs.get_config_value(&key).is_some_and(|value| !value.is_empty());
    let keys = [
        Key::ServiceAccount,
        Key::ServiceAccountKey,
        Key::ApplicationCredentials,
        Key::BearerToken,
    ];
    match objects::signing(url)? {
        Signing::Unsigned => Ok(gcs.with_skip_signature(true)),
        Signing::Instance => Ok(gcs),
        Signing::Environment if keys.into_iter().any(is_set) || is_logged_in() => Ok(gcs),
        Signing::Environment => Err(objects::no_credentials(BACKEND.scheme, VARIABLES)),
    }
}

/// Whether there is the file that `gcloud auth application-default login` leaves, which the client reads.
fn is_logged_in() -> bool {
    let home = std::env::home_dir().unwrap_or_default();
    home.join(".config/gcloud/application_default_credentials.json").is_file()
}
