#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stile_fuzz::keys::p256_key(data);
});
