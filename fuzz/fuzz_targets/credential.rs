//! Feeds `callgate_fuzz::credential`, which says what holds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callgate_fuzz::credential::check(data));
