//! Hostile records, raw and sealed, for both sides of TLS 1.3 and TLS 1.2.

#![no_main]

libfuzzer_sys::fuzz_target!(|commands: &[u8]| tlsmith::play_hostile_records(commands));
