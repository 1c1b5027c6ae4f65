//! Feeds `callgate_fuzz::acl`, which says what holds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callgate_fuzz::acl::check(data));
