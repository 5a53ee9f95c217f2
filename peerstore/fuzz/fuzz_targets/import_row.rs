#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peerstore_fuzz::import_row(data));
