#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    peerstore::fuzzing::row(data);
    peerstore::fuzzing::key(data);
});
