//! Feeds `callgate_fuzz::jwt`, which says what holds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callgate_fuzz::jwt::check(data));
