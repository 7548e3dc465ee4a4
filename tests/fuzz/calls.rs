//! The C API as sequences of calls, in any order and with any argument that the header
//! allows.  They are made by calls.c, which sees the library as programs do.

#![no_main]

use tlsmith_c as _;

unsafe extern "C" {
    /// Makes the calls that these bytes choose.
    safe fn make_calls(input: *const u8, len: usize);
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| make_calls(input.as_ptr(), input.len()));
