use datastore::{Error, ErrorKind, Result};
use datastore_s3::Bucket;
use object_store::ClientOptions;
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

use super::Backend;
use super::objects::{self, Location, Signing};
use crate::StoreUrl;
use crate::options::OptionSpec;
use crate::place::Place;

/// `az://CONTAINER/PREFIX` — Azure Blob Storage. Not tested against the real service.
pub(super) const BACKEND: Backend = Backend {
    scheme: "az",
    form: "az://CONTAINER/PREFIX",
    about: "a container of Azure Blob Storage (not tested against it)",
    options: &[
        &[OptionSpec::new(
            "account",
            "NAME",
            "whose container it is, or AZURE_STORAGE_ACCOUNT_NAME",
        )],
        objects::OPTIONS,
    ],
    credentials: Some(VARIABLES),
    check,
    open: |url| objects::open(url, bucket),
    remove: Some(|url| objects::remove(url, bucket)),
    place,
};

const VARIABLES: &str = "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY";

fn check(url: &StoreUrl) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let account = url.options().get("account");
    if account.is_some_and(|name| name.is_empty() || !name.bytes().all(is_plain)) {
        let message = "option `account` is a name of lower-case letters and digits";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    objects::check(url)
}

fn bucket(url: &StoreUrl) -> Result<Bucket> {
    let environment = MicrosoftAzureBuilder::from_env();
    let azure = sign(url, environment)?.with_container_name(Location::of(url)?.bucket);
    let mut azure = azure.with_account(account(url)?);
    if let Some(timeout) = objects::timeout(url)? {
        azure = azure.with_client_options(ClientOptions::new().with_timeout(timeout));
    }
    Bucket::azure(azure)
}

fn sign(url: &StoreUrl, azure: MicrosoftAzureBuilder) -> Result<MicrosoftAzureBuilder> {
    let is_set = |key| azure.get_config_value(&key).is_some_and(|value| !value.is_empty());
    let keys = [
        Key::AccessKey,
        Key::SasKey,
        Key::Token,
        Key::ClientSecret,
        Key::FederatedTokenFile,
        Key::UseAzureCli,
    ];
    match objects::signing(url)? {
        Signing::Unsigned => Ok(azure.with_skip_signature(true)),
        Signing::Instance => Ok(azure),
        Signing::Environment if keys.into_iter().any(is_set) => Ok(azure),
        Signing::Environment => Err(objects::no_credentials(BACKEND.scheme, VARIABLES)),
    }
}

/// The account of the URL, or else of the environment.
fn account(url: &StoreUrl) -> Result<String> {
    let option = url.options().get("account").map(str::to_owned);
    let variable = || MicrosoftAzureBuilder::from_env().get_config_value(&Key::AccountName);
    option.or_else(variable).ok_or_else(|| {
        let message =
            "whose container is it? Set AZURE_STORAGE_ACCOUNT_NAME, or the option `account`";
        Error::new(ErrorKind::InvalidInput, message)
    })
}

fn place(url: &StoreUrl) -> Result<Place> {
    let path = Location::of(url)?.path();
    Ok(Place::Bucket { server: format!("{}.blob.core.windows.net", account(url)?), path })
}
