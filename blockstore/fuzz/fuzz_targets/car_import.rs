#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| datastore_blocks_fuzz::car_import(data));
