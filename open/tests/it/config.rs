use datastore::{Datastore, DatastoreExt, ErrorKind, key};
use datastore_open::{Config, OptionValue, StoreUrl};

#[test]
fn the_url_alone_is_a_configuration() {
    let config: Config = toml::from_str(r#"url = "memory:""#).unwrap();
    assert_eq!(config, Config::new("memory:".parse().unwrap()));
    assert_eq!(toml::to_string(&config).unwrap(), "url = \"memory:\"\n");
}

#[test]
fn toml_and_json_say_the_same() {
    let toml: Config = toml::from_str(
        "url = 'fjall:/data'\nnamespace = '/n'\n[options]\ncache = 1024\ncreate = false\nseparate = 'off'",
    )
    .unwrap();
    let json: Config = serde_json::from_str(
        r#"{ "url": "fjall:/data", "namespace": "/n",
             "options": { "cache": 1024, "create": false, "separate": "off" } }"#,
    )
    .unwrap();
    assert_eq!(toml, json);
    assert_eq!(
        serde_json::from_str::<Config>(&serde_json::to_string(&json).unwrap()).unwrap(),
        json
    );
    let url = "fjall:/data?cache=1024&create=false&namespace=/n&separate=off";
    assert_eq!(toml.store_url().unwrap(), url.parse::<StoreUrl>().unwrap());
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    let error = toml::from_str::<Config>("url = 'memory:'\nnamspace = '/n'").unwrap_err();
    assert!(error.to_string().contains("`namespace`"), "{error}");
    assert!(toml::from_str::<Config>("namespace = '/n'").is_err());
    assert!(toml::from_str::<Config>("url = 'nosuch:'").is_err());
}

#[test]
fn what_is_given_twice_or_not_known_is_refused() {
    for text in [
        "url = 'fjall:x?cache=1MiB'\n[options]\ncache = '1MiB'",
        "url = 'fjall:x?namespace=/a'\nnamespace = '/a'",
        "url = 'fjall:x'\n[options]\ncash = '1MiB'",
        "url = 'fjall:x'\n[options]\ncreate = 1",
    ] {
        let config: Config = toml::from_str(text).unwrap();
        let error = config.store_url().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    }
}

#[test]
fn debug_output_hides_the_values_of_options() {
    let mut config = Config::new("memory:".parse().unwrap());
    config.options.insert("token".into(), OptionValue::Text("hunter2".into()));
    let text = format!("{config:?}");
    assert!(text.contains("token") && !text.contains("hunter2"), "{text}");
    assert!(!format!("{:?}", config.options).contains("hunter2"));
}

#[tokio::test]
async fn a_configuration_opens_its_store() {
    let config: Config = serde_json::from_str(r#"{"url":"memory:","namespace":"/n"}"#).unwrap();
    let store = config.open().await.unwrap();
    store.put(&key!("/a"), "1").await.unwrap();
    assert!(store.has(&key!("/a")).await.unwrap());
    store.close().await.unwrap();
}
