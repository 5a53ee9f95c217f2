use datastore::{Error, ErrorKind, Result};
use datastore_s3::Bucket;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

use super::objects::{self, Location, Signing};
use super::{Backend, endpoint};
use crate::StoreUrl;
use crate::options::OptionSpec;
use crate::place::Place;

/// `s3://BUCKET/PREFIX` — S3, and what speaks its protocol.
pub(super) const BACKEND: Backend = Backend {
    scheme: "s3",
    form: "s3://BUCKET/PREFIX",
    about: "a bucket of S3, or of a server that speaks its protocol",
    options: &[
        &[
            OptionSpec::new("endpoint", "URL", "the server, where it is not Amazon's").url(),
            OptionSpec::new("region", "NAME", "of the bucket; us-east-1 if nothing says it"),
            OptionSpec::new("path-style", "true|false", "false: the bucket is part of the host"),
        ],
        objects::OPTIONS,
    ],
    credentials: Some(VARIABLES),
    check,
    open: |url| objects::open(url, bucket),
    remove: Some(|url| objects::remove(url, bucket)),
    place,
};

const VARIABLES: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

fn check(url: &StoreUrl) -> Result<()> {
    let options = url.options();
    if let Some(text) = options.get("endpoint") {
        endpoint::check("option `endpoint`", text)?;
    }
    if options.get("region").is_some_and(|region| !is_region(region)) {
        return Err(invalid("option `region` is a name such as `eu-central-1`"));
    }
    options.flag("path-style")?;
    objects::check(url)
}

fn bucket(url: &StoreUrl) -> Result<Bucket> {
    let s3 = builder(url, AmazonS3Builder::from_env())?;
    match objects::timeout(url)? {
        Some(timeout) => Bucket::s3_with(s3, timeout),
        None => Bucket::s3(s3),
    }
}

/// What the environment says, and then the URL.
fn builder(url: &StoreUrl, environment: AmazonS3Builder) -> Result<AmazonS3Builder> {
    let options = url.options();
    let Location { bucket, prefix: _ } = Location::of(url)?;
    let mut s3 = sign(url, environment)?.with_bucket_name(&bucket);
    if let Some(region) = options.get("region") {
        s3 = s3.with_region(region);
    }
    if let Some(path_style) = options.flag("path-style")? {
        s3 = s3.with_virtual_hosted_style_request(!path_style);
    }
    if let Some(mut text) = server(options.get("endpoint"), &s3)? {
        // The client takes such an endpoint for that of the bucket.
        if options.flag("path-style")? == Some(false) {
            text = endpoint::with_host_prefix(&text, &bucket);
        }
        s3 = s3.with_config(Key::S3Endpoint, text);
    }
    Ok(s3)
}

/// The endpoint, if there is one: of the URL, or else of the environment.
fn server(option: Option<&str>, s3: &AmazonS3Builder) -> Result<Option<String>> {
    if let Some(text) = option {
        return Ok(Some(text.to_owned()));
    }
    for (key, variable) in
        [(Key::S3Endpoint, "AWS_ENDPOINT_URL_S3"), (Key::Endpoint, "AWS_ENDPOINT_URL")]
    {
        if let Some(text) = s3.get_config_value(&key) {
            endpoint::check(variable, &text)?;
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// Sees to it that there is somebody to sign: the client would ask the metadata service of a machine
/// that has none, and wait.
fn sign(url: &StoreUrl, s3: AmazonS3Builder) -> Result<AmazonS3Builder> {
    let is_set = |key| s3.get_config_value(&key).is_some_and(|value| !value.is_empty());
    match objects::signing(url)? {
        Signing::Unsigned => return Ok(s3.with_skip_signature(true)),
        Signing::Instance => {
            return if is_set(Key::AccessKeyId) || is_set(Key::SecretAccessKey) {
                Err(invalid(
                    "`credentials=instance` is given and the environment has credentials too: unset \
                     AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or leave the option out",
                ))
            } else {
                Ok(s3)
            };
        }
        Signing::Environment => {}
    }
    let skipped = s3.get_config_value(&Key::SkipSignature).is_some_and(|skip| skip == "true");
    let web_identity = is_set(Key::WebIdentityTokenFile) && is_set(Key::RoleArn);
    let container = is_set(Key::ContainerCredentialsRelativeUri)
        || is_set(Key::ContainerCredentialsFullUri) && is_set(Key::ContainerAuthorizationTokenFile);
    match (is_set(Key::AccessKeyId), is_set(Key::SecretAccessKey)) {
        (true, true) => Ok(s3),
        (true, false) => Err(half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
        (false, true) => Err(half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        (false, false) if skipped || web_identity || container => Ok(s3),
        (false, false) => Err(objects::no_credentials(BACKEND.scheme, VARIABLES)),
    }
}

fn half(set: &str, missing: &str) -> Error {
    let message = format!("{set} is set in the environment, and {missing} is not: set both");
    Error::new(ErrorKind::PermissionDenied, message)
}

fn place(url: &StoreUrl) -> Result<Place> {
    let location = Location::of(url)?;
    let environment = AmazonS3Builder::from_env();
    let server = server(url.options().get("endpoint"), &environment)?;
    let server = match server {
        Some(text) => endpoint::canonical(&text, &location.bucket),
        None => endpoint::AMAZON.to_owned(),
    };
    Ok(Place::Bucket { server, path: location.path() })
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a URL in an environment of these settings alone.
    fn built(url: &str, environment: &[(Key, &str)]) -> Result<AmazonS3Builder> {
        let s3 = AmazonS3Builder::new();
        let set = |s3: AmazonS3Builder, (key, value): &(Key, &str)| s3.with_config(*key, *value);
        builder(&url.parse()?, environment.iter().fold(s3, set))
    }

    const KEYS: &[(Key, &str)] = &[(Key::AccessKeyId, "id"), (Key::SecretAccessKey, "hunter2")];

    #[test]
    fn whoever_can_sign_is_let_through_and_nobody_else() {
        let file = (Key::WebIdentityTokenFile, "/token");
        let full = (Key::ContainerCredentialsFullUri, "http://host");
        for good in [
            KEYS,
            &[file, (Key::RoleArn, "arn")],
            &[(Key::ContainerCredentialsRelativeUri, "/x")],
            &[full, (Key::ContainerAuthorizationTokenFile, "/token")],
            &[(Key::SkipSignature, "true")],
        ] {
            built("s3://bucket", good).unwrap();
        }
        for bad in [&[][..], &KEYS[..1], &KEYS[1..], &[file], &[full], &[(Key::AccessKeyId, "")]] {
            let error = built("s3://bucket", bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        built("s3://bucket?unsigned=true", &[]).unwrap();
        built("s3://bucket?credentials=instance", &[]).unwrap();
        let error = built("s3://bucket?credentials=instance", KEYS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }

    #[test]
    fn the_url_wins_over_the_environment() {
        let mut environment = KEYS.to_vec();
        environment.push((Key::Region, "eu-1"));
        environment.push((Key::Bucket, "theirs"));
        environment.push((Key::Endpoint, "http://generic"));
        let get = |url: &str, key| built(url, &environment).unwrap().get_config_value(&key);
        assert_eq!(get("s3://bucket", Key::Bucket).as_deref(), Some("bucket"));
        assert_eq!(get("s3://bucket", Key::Region).as_deref(), Some("eu-1"));
        assert_eq!(get("s3://bucket?region=us-2", Key::Region).as_deref(), Some("us-2"));
        assert_eq!(get("s3://bucket", Key::S3Endpoint).as_deref(), Some("http://generic"));
        let mine = "s3://bucket?endpoint=http://mine:9000";
        assert_eq!(get(mine, Key::S3Endpoint).as_deref(), Some("http://mine:9000"));
    }

    #[test]
    fn the_bucket_is_part_of_the_host_where_that_is_asked() {
        for endpoint in ["https://host:9000", "https://bucket.host:9000"] {
            let url = format!("s3://bucket?path-style=false&endpoint={endpoint}");
            let s3 = built(&url, KEYS).unwrap();
            let host = s3.get_config_value(&Key::S3Endpoint);
            assert_eq!(host.as_deref(), Some("https://bucket.host:9000"));
            let virtual_hosted = s3.get_config_value(&Key::VirtualHostedStyleRequest);
            assert_eq!(virtual_hosted.as_deref(), Some("true"));
        }
    }
}
