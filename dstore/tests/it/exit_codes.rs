use serde_json::json;

use crate::harness::Place;

const STORE: &str = Place::STORE;

#[test]
fn no_is_1() {
    let place = Place::new();
    place.put("/a", "1");
    place.run(["get", STORE, "/b"]).fails(1, &["/b has no value"]);
    place.run(["size", STORE, "/b"]).fails(1, &["/b has no value"]);
    let has = place.run(["has", STORE, "/b"]);
    assert_eq!((has.code, has.text().as_str(), has.err.as_str()), (Some(1), "", ""));
    let has = place.run(["has", STORE, "/b", "--json"]);
    assert_eq!((has.code, has.objects()), (Some(1), vec![json!({ "key": "/b", "has": false })]));
    let size = place.run(["size", STORE, "/b", "--json"]);
    assert_eq!((size.code, size.objects()), (Some(1), vec![json!({ "key": "/b", "size": null })]));
    let get = place.run(["get", STORE, "/b", "-o", "out"]);
    assert_eq!(get.code, Some(1));
    assert_eq!(place.names(), ["store"]);
}

#[test]
fn a_wrong_call_is_2() {
    let place = Place::new();
    place.run(["nosuch"]).fails(2, &["nosuch"]);
    place.run(["get", STORE]).fails(2, &["KEY"]);
    place.run(["get", STORE, "a"]).fails(2, &["begins with `/`"]);
    place.run(["get", "store", "/a"]).fails(2, &["`fjall:PATH`"]);
    place.run(["get", "fjall:store?cash=1", "/a"]).fails(2, &["`cache`"]);
    place.run(["conformance", "memory:", "--filter", "nosuch"]).fails(2, &["nosuch"]);
    let none: [&str; 0] = [];
    assert_eq!(place.run(none).code, Some(2));
}

#[test]
#[cfg(target_os = "linux")]
fn a_url_of_a_place_where_no_directory_can_be_is_2() {
    let place = Place::new();
    let put = |url: &str| place.run(["put", url, "/a", "--value", "1"]);
    put("fjall:/proc/no-such-process").fails(2, &["no directory can be made"]);
    put("fjall:/dev/null").fails(2, &["not a directory"]);
    put(&format!("fjall:{}", "a".repeat(300))).fails(2, &["too long"]);
}

#[test]
fn a_condition_that_does_not_hold_is_3() {
    let place = Place::new();
    let put = ["put", STORE, "/a", "--if-absent", "--sync", "--value"];
    place.ok(put.iter().chain(&["1"]));
    place.run(put.iter().chain(&["2"])).fails(3, &["/a", "does not hold"]);
    assert_eq!(place.ok(["get", STORE, "/a"]), "1");
}

#[test]
fn data_that_cannot_be_read_is_4() {
    let place = Place::new();
    place.put("/a", &"x".repeat(10_000));
    std::fs::create_dir(place.path("foreign")).unwrap();
    place.write("foreign/thesis.txt", "chapter 1");
    place.run(["put", "fjall:foreign", "/a", "--value", "1"]).fails(4, &["not a datastore"]);

    // One bit of the value flipped, wherever it lies.
    let mut damaged = 0;
    for entry in place.files() {
        let mut bytes = std::fs::read(&entry).unwrap();
        if let Some(at) = bytes.windows(4).position(|window| window == b"xxxx") {
            bytes[at] ^= 1;
            std::fs::write(&entry, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "the value is in some file");
    assert_eq!(place.run(["check", STORE]).code, Some(4));
}

#[test]
fn a_store_that_cannot_be_used_now_is_5() {
    let place = Place::new();
    for command in ["ls", "stat", "du", "check", "compact", "export"] {
        place
            .run([command, STORE])
            .fails(5, &["cannot open fjall:store\n", "no datastore at", "hint"]);
    }
    place.run(["get", STORE, "/a"]).fails(5, &["no datastore at"]);
    assert!(place.names().is_empty(), "reading creates nothing");

    let mut import = place.begin_import(STORE);
    import.feed("{\"key\":\"/a\",\"value\":\"\"}\n");
    import.wait_for(1);
    place.run(["ls", STORE]).fails(5, &["store"]);
    drop(import.input);
    import.child.wait().unwrap();
    assert_eq!(place.keys(STORE), ["/a"]);
}

#[test]
fn an_output_that_cannot_be_made_is_6() {
    let place = Place::new();
    place.put("/a", "1");
    place.run(["get", STORE, "/a", "-o", "no/such/directory"]).fails(6, &["no/such/directory"]);
}

#[test]
#[cfg(unix)]
fn permission_denied_is_8() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    std::fs::create_dir(place.path("theirs")).unwrap();
    std::fs::set_permissions(place.path("theirs"), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::create_dir(place.path("theirs/mine")).is_ok() {
        println!("skipped: this user may write anywhere");
        return;
    }
    let put = ["put", "fjall:theirs/mine", "/a", "--value", "1"];
    place.run(put).fails(8, &["theirs/mine", "permission denied"]);
}

#[test]
fn paths_hold_spaces_and_percent_signs() {
    let place = Place::new();
    for (url, name) in [
        ("fjall:my store", "my store"),
        ("fjall:my%20other", "my other"),
        ("fjall:100%25", "100%"),
        ("fjall:what%3F #1", "what? #1"),
    ] {
        place.ok(["put", url, "/a", "--value", url]);
        assert!(place.path(name).is_dir(), "{name}");
        assert_eq!(place.ok(["get", url, "/a"]), url);
    }
    place.run(["ls", "fjall:100%"]).fails(2, &["`%25`"]);
}

#[test]
fn a_secret_in_a_url_is_not_printed() {
    let place = Place::new();
    for url in ["fjall:x?password=hunter2", "s3://id:hunter2@bucket", "nosuch:x?key=hunter2"] {
        for command in ["ls", "stat", "check"] {
            let run = place.run([command, url]).fails(2, &["***"]);
            assert!(!run.err.contains("hunter2"), "{}", run.err);
        }
        let run = place.run(["copy", url, url]).fails(2, &["***"]);
        assert!(!run.err.contains("hunter2"), "{}", run.err);
    }
}

#[test]
fn help_has_examples_for_each_command_and_the_exit_codes() {
    let place = Place::new();
    let help = place.ok(["--help"]);
    assert!(help.contains("fjall:PATH") && help.contains("Exit codes:"), "{help}");
    for command in [
        "put",
        "get",
        "del",
        "has",
        "size",
        "ls",
        "stat",
        "du",
        "copy",
        "check",
        "compact",
        "export",
        "import",
        "demo",
        "bench",
        "conformance",
        "blocks",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
        let help = place.ok([command, "--help"]);
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("dstore {command}")), "{help}");
    }
}

#[test]
fn help_has_examples_for_each_command_of_blocks() {
    let place = Place::new();
    let help = place.ok(["blocks", "--help"]);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().map_while(|line| line.strip_prefix("  "));
    let commands: Vec<&str> = commands
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !matches!(*name, "" | "help" | "dag" | "pin"))
        .collect();
    assert_eq!(commands.len(), 12, "{commands:?}");
    let groups = [["dag", "ls"], ["pin", "add"], ["pin", "rm"], ["pin", "ls"]];
    let alone = commands.iter().map(|name| vec![*name]);
    for command in alone.chain(groups.iter().map(|names| names.to_vec())) {
        let args = ["blocks"].into_iter().chain(command.iter().copied()).chain(["--help"]);
        let help = place.ok(args);
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("dstore blocks {}", command.join(" "))), "{help}");
        assert!(help.contains("--prefix <KEY>") && help.contains("--keep-codecs"), "{help}");
    }
}
