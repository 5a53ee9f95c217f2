# The commands of this project. `.ci/run` calls `ci`.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Lists the recipes.
default:
    @just --list

# Everything that must hold before a change lands.
ci: test s3-real fmt lint doc msrv deny demo fuzz

# All tests, with nothing installed but Rust.
test:
    cargo test --workspace --locked

# The tests of object storage that want a real server, which is installed and started for them.
s3-real:
    cargo test --no-run --workspace --locked
    scripts/ceph-rgw run env REQUIRE_S3_SERVER=1 just s3-tests

# The tests against the server that the environment names.
[private]
s3-tests:
    scripts/workspace-test s3-testing/tests/it/main.rs
    scripts/workspace-test datastore-s3/tests/conformance.rs real
    scripts/workspace-test datastore-s3/tests/it/main.rs real
    scripts/workspace-test peerstore/tests/it/main.rs books::
    scripts/workspace-test dstore/tests/it/main.rs real_server

# The code is formatted.
fmt:
    cargo fmt --all --check

# No warning, in any target.
lint:
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

# The documentation builds, and its links lead somewhere.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked

# No dependency needs a newer compiler than the one we declare.
msrv:
    scripts/msrv

# Licences and sources of the dependencies.
deny:
    cargo deny --locked check --hide-inclusion-graph licenses bans sources

# The main job, on the embedded default.
demo:
    cargo run --release --locked -p datastore-cli -- demo

# Fuzzes each target for so many seconds, where cargo-fuzz and a nightly compiler are installed.
fuzz seconds="10" target="":
    scripts/fuzz {{ seconds }} {{ target }}

# Kills a writing process this many times and looks for what was lost.
kills times="1000":
    KILLS={{ times }} cargo test --release --locked -p datastore-fjall --test it kill -- --nocapture

# Kills a process that changes peers this many times and looks for what was lost.
peer-kills times="200":
    PEER_KILLS={{ times }} cargo test --locked -p peerstore --test it kill -- --nocapture

# Ratios to the raw engine in one run; also written to target/ratios.json.
bench *args:
    cargo run --release --locked -p datastore-benches --bin ratios -- {{ args }}

# Ratios to raw object_store, against one S3 server; merged into target/ratios.json.
bench-s3 *args:
    cargo run --release --locked -p datastore-benches --bin s3_ratios -- {{ args }}

# Ratios of blocks to the engine, hashing and files below; merged into target/ratios.json.
bench-blocks *args:
    cargo run --release --locked -p datastore-benches --bin block_ratios -- {{ args }}

# Ratios of values that expire to the engine and the store below; merged into target/ratios.json.
bench-ttl *args:
    cargo run --release --locked -p datastore-benches --bin ttl_ratios -- {{ args }}

# Peak memory of a million puts to object storage.
s3-memory *args:
    cargo run --release --locked -p datastore-benches --bin s3_memory -- {{ args }}

# Peak memory of a garbage collection of many blocks.
gc-memory *args:
    cargo run --release --locked -p datastore-benches --bin gc_memory -- {{ args }}

# A million hostile peers, with a thousand addresses each, beside proven ones; with two arenas of glibc's allocator.
hostile-peers *args:
    MALLOC_ARENA_MAX=2 cargo run --release --locked -p datastore-benches --bin hostile_peers -- {{ args }}

# Peak memory of a scan of many keys.
scan-memory *args:
    cargo run --release --locked -p datastore-benches --bin scan_memory -- {{ args }}

# Rewrites records over and over, and looks for stalls, growth and wrong values.
soak *args:
    cargo run --release --locked -p datastore-fjall --example soak -- {{ args }}
