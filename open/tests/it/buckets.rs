//! URLs of object storage, as far as their text goes.

use datastore::ErrorKind;
use datastore_open::{Config, Relation, StoreUrl, redacted, relation, same_store};

fn url(text: &str) -> StoreUrl {
    text.parse().expect(text)
}

fn refusal(text: &str) -> String {
    let error = text.parse::<StoreUrl>().expect_err(text);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    error.to_string()
}

#[test]
fn every_option_is_taken_and_written_as_it_is_read() {
    for text in [
        "s3://bucket",
        "s3://bucket/a/prefix/",
        "s3://b.u-c_k3t/a@b:c",
        "s3://bucket/p?access=shared&concurrency=8&conditions=puts&create=false&\
         endpoint=https://host:9000/path&lease=5m&namespace=/n&page=2&part=8MiB&path-style=false&\
         region=eu-central-1&retry=500ms&timeout=10",
        "s3://bucket?access=read&unsigned=true",
        "s3://bucket?access=write&conditions=none&credentials=instance",
        "gs://bucket/prefix?conditions=keys&retry=0s",
        "az://container/prefix?account=me&unsigned=false",
    ] {
        assert_eq!(url(text).to_string(), text);
    }
}

#[test]
fn what_is_no_bucket_or_prefix_is_told_how_one_is_written() {
    for text in ["s3:", "s3:bucket", "s3:/bucket", "s3://", "s3:///prefix", "s3://b*/p", "s3://%FF"]
    {
        assert!(refusal(text).contains("`s3://BUCKET/PREFIX`"), "{text}: {}", refusal(text));
    }
    assert!(refusal("gs:bucket").contains("`gs://BUCKET/PREFIX`"));
    for text in
        ["s3://b/a//c", "s3://b//", "s3://b/./c", "s3://b/..", "s3://b/a b", "s3://b/\u{e9}"]
    {
        assert!(refusal(text).contains("the prefix"), "{text}: {}", refusal(text));
    }
}

#[test]
fn a_value_that_an_option_cannot_have_is_told_which_it_can() {
    for (option, allowed) in [
        ("access=all", "`read` or `write` or `shared`"),
        ("conditions=any", "`none` or `puts` or `keys`"),
        ("concurrency=0", "from 1 to 4096"),
        ("page=1001", "from 1 to 1000"),
        ("part=1MiB", "from 5MiB"),
        ("lease=0s", "`30s`"),
        ("lease=soon", "`30s`"),
        ("retry=-1", "`30s`"),
        ("timeout=0s", "`30s`"),
        ("timeout=99999999999999999999h", "`30s`"),
        ("region=", "`eu-central-1`"),
        ("region=a b", "`eu-central-1`"),
        ("credentials=mine", "`instance`"),
        ("unsigned=true&credentials=instance", "not both"),
        ("endpoint=host:9000", "`http://HOST:PORT`"),
        ("endpoint=ftp://host", "`http://HOST:PORT`"),
        ("endpoint=http://", "`http://HOST:PORT`"),
        ("endpoint=http://host?x", "`http://HOST:PORT`"),
    ] {
        let message = refusal(&format!("s3://bucket?{option}"));
        assert!(message.contains(allowed), "{option}: {message}");
    }
    assert!(refusal("az://container?account=Me").contains("lower-case"));
    assert!(refusal("gs://bucket?region=eu").contains("no option"));
}

const SECRETS: &[&str] = &[
    "s3://id:hunter2@bucket/p",
    "s3://id:hun/ter2hunter2@bucket/p",
    "s3://id:hunter2%40bucket/p",
    "s3://hunter2@bucket",
    "s3:id:hunter2@bucket",
    "s3://bucket?access_key=hunter2",
    "s3://bucket?secret=hunter2",
    "s3://bucket?aws_secret_access_key=hunter2",
    "s3://bucket?AWS_SESSION_TOKEN=hunter2",
    "s3://bucket?hunter2",
    "s3://bucket?endpoint=http://id:hunter2@host",
    "s3://bucket?endpoint=http%3A%2F%2Fid%3Ahunter2%40host",
    "s3://bucket?endpoint=hunter2@host",
    "gs://bucket?service_account_key=hunter2",
    "az://container?sas_token=hunter2",
];

#[test]
fn credentials_in_a_url_are_refused_and_never_shown() {
    for text in SECRETS {
        assert!(!refusal(text).contains("hunter2"), "{}", refusal(text));
        assert!(!redacted(text).contains("hunter2"), "{}", redacted(text));
    }
    for text in ["s3://id:hunter2@bucket/p", "s3://bucket?secret=hunter2"] {
        assert!(refusal(text).contains("AWS_SECRET_ACCESS_KEY"), "{}", refusal(text));
    }
    assert!(refusal("az://container?sas_token=hunter2").contains("AZURE_STORAGE_ACCOUNT_KEY"));
    assert!(refusal("s3://bucket?endpoint=http://id:hunter2@host").contains("a user in it"));
}

#[test]
fn credentials_in_a_configuration_are_refused_and_never_shown() {
    let text = "url = 's3://bucket'\n[options]\nregion = 'eu-north-1'\nsecret_key = 'hunter2'";
    let config: Config = toml::from_str(text).unwrap();
    let error = config.store_url().unwrap_err();
    assert!(error.to_string().contains("AWS_SECRET_ACCESS_KEY"), "{error}");
    assert!(!format!("{error:?}{config:?}").contains("hunter2"), "{config:?}");
    let text = "url = 's3://bucket/p'\nnamespace = '/n'\n[options]\npage = 10\nunsigned = true";
    let config: Config = toml::from_str(text).unwrap();
    let whole = "s3://bucket/p?namespace=/n&page=10&unsigned=true";
    assert_eq!(config.store_url().unwrap(), url(whole));
}

#[test]
fn what_is_public_is_shown() {
    for text in [
        "s3://bucket/a@b?endpoint=http://host:9000&region=x",
        "s3://bucket/p?access=read&namespace=/a@b",
    ] {
        assert_eq!(redacted(text), text);
        assert_eq!(format!("{:?}", url(text)), format!("StoreUrl({text})"));
    }
}

#[test]
fn buckets_and_prefixes_of_one_server_overlap_where_one_holds_the_other() {
    let base = "s3://bucket/a/b?endpoint=http://host:9000";
    for other in [
        "s3://bucket/a/b/?endpoint=http://HOST:9000/",
        "s3://bucket/a/b?endpoint=http://bucket.host:9000&path-style=false",
        "s3://bucket/a/b?endpoint=http://host:9000&access=read&region=eu-1",
        "s3://bucket/a?endpoint=http://host:9000",
        "s3://bucket?endpoint=http://host:9000",
        "s3://bucket/a/b/c?endpoint=http://host:9000&namespace=/x",
        "s3://bucket/a/b?endpoint=http://host:9000&namespace=/x",
    ] {
        assert_eq!(relation(&url(base), &url(other)).unwrap(), Relation::Overlapping, "{other}");
        assert_eq!(relation(&url(other), &url(base)).unwrap(), Relation::Overlapping, "{other}");
    }
    for other in [
        "s3://bucket/a/bc?endpoint=http://host:9000",
        "s3://bucket/b?endpoint=http://host:9000",
        "s3://bucket2/a/b?endpoint=http://host:9000",
        "s3://bucket/a/b?endpoint=http://host:9001",
        "gs://bucket/a/b",
        "memory:",
        "fjall:bucket/a/b",
    ] {
        assert_eq!(relation(&url(base), &url(other)).unwrap(), Relation::Apart, "{other}");
    }
}

#[test]
fn all_names_of_amazon_are_one_server() {
    let base = url("s3://bucket/a?endpoint=https://s3.amazonaws.com");
    for endpoint in ["https://s3.eu-central-1.amazonaws.com", "https://bucket.s3.amazonaws.com:443"]
    {
        let other = url(&format!("s3://bucket/a?endpoint={endpoint}"));
        assert!(same_store(&base, &other).unwrap(), "{endpoint}");
    }
    let elsewhere = url("s3://bucket/a?endpoint=https://amazonaws.com.example.org");
    assert!(!same_store(&base, &elsewhere).unwrap());
}

#[test]
fn namespaces_of_one_prefix_that_do_not_meet_are_beside_each_other() {
    let [a, b] = ["/a", "/ab"]
        .map(|namespace| url(&format!("s3://bucket/p?endpoint=http://host&namespace={namespace}")));
    assert_eq!(relation(&a, &b).unwrap(), Relation::Beside);
    assert!(same_store(&a, &b).unwrap());
}

#[test]
fn a_url_can_ask_for_reading_alone() {
    let reading = |text: &str| url(text).for_reading().to_string();
    assert_eq!(reading("s3://bucket"), "s3://bucket?access=read&create=false");
    assert_eq!(reading("s3://bucket?access=shared"), "s3://bucket?access=shared&create=false");
    assert_eq!(reading("fjall:x"), "fjall:x?create=false");
    assert_eq!(reading("memory:"), "memory:");
}

#[test]
fn a_scratch_store_lies_in_the_place_of_another_and_lets_it_alone() {
    let store = url("s3://bucket/p?access=write&create=false&namespace=/n&page=7");
    let scratch = store.scratch("try").unwrap().unwrap();
    assert_eq!(scratch.to_string(), "s3://bucket/p/try?access=shared&create=true&page=7");
    let whole = url("gs://bucket").scratch("try").unwrap().unwrap();
    assert_eq!(whole.to_string(), "gs://bucket/try?access=shared&create=true");
    assert!(store.scratch("a b").is_err());
    assert!(url("fjall:x").scratch("try").unwrap().is_none());
}
