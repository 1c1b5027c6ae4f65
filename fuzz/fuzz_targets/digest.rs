//! Feeds `callgate_fuzz::digest`, which says what holds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callgate_fuzz::digest::check(data));
