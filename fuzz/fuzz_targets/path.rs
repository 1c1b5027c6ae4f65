//! Feeds `callgate_fuzz::path`, which says what holds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callgate_fuzz::path::check(data));
