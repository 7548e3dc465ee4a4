//! Reads the test vectors of RFCs and of Project Wycheproof.

/// Returns the bytes of hexadecimal digits; anything between the digits is ignored.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<_> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
