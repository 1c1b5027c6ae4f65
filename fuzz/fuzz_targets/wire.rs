//! Feeds `callgate_fuzz::wire`, which says what holds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callgate_fuzz::wire::check(data));
