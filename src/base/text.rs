//! Safe display of untrusted text.
//!
//! Certificates, peers, files and arguments contain text that errors and reports quote.
//! Printed unescaped, it could forge lines, reorder its surroundings, hide, control a
//! terminal, or be a private key passed by mistake.  All rules for what is printed, and
//! how, are here.

use std::borrow::Cow;
use std::path::{Component, Path};

/// Returns whether a character is printed as it is.
///
/// It must be visible and stay in its line.  All others are escaped: controls, line and
/// paragraph separators, every space but U+0020, format characters (bidirectional controls,
/// zero-width characters, soft hyphens, byte order marks), invisible fillers and selectors,
/// private-use and unassigned characters.
pub fn is_plain(character: char) -> bool {
    match character {
        ' '..='~' => true,
        // Default_Ignorable_Code_Point (UAX #44): invisible letters and marks.
        '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        _ => {
            // After another character, the standard library escapes what is not printable
            // and keeps combining marks.
            let mut pair = [b'a', 0, 0, 0, 0];
            let length = character.encode_utf8(&mut pair[1..]).len();
            let pair = std::str::from_utf8(&pair[..=length]).unwrap_or_default();
            pair.escape_debug().count() == 2
        }
    }
}

/// Returns whether a character combines with the one before it.  At the start of a text it
/// would combine with what is printed before the text.
fn is_combining(character: char) -> bool {
    !character.is_ascii() && is_plain(character) && character.escape_debug().count() > 1
}

/// Returns whether a character is printed as it is at this position, the start of a text or
/// not.
pub(crate) fn is_shown(character: char, is_start: bool) -> bool {
    is_plain(character) && !(is_start && is_combining(character))
}

/// Calls `escape` for the characters that must be escaped, and `show` for the others.
fn split<T>(text: &str, out: &mut T, show: impl Fn(&mut T, char), escape: impl Fn(&mut T, char)) {
    let mut is_start = true;
    for character in text.chars() {
        match is_shown(character, is_start) {
            true => show(out, character),
            false => escape(out, character),
        }
        is_start = false;
    }
}

/// Converts a text to one line.  Characters that must be escaped are written like
/// `\u{2028}`, or as `\n`, `\r` and `\t`.  Backslashes stay, so converting again changes
/// nothing.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    split(text, &mut escaped, String::push, |escaped, character| {
        escaped.extend(character.escape_default());
    });
    match escaped == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(escaped),
    }
}

/// Quotes a text for an error: in quotation marks, on one line, of limited length.  Of a
/// text that may hold a key, only the length is given.
pub fn quoted(text: &str) -> String {
    const MAX_LENGTH: usize = 80;
    if may_be_secret(text) {
        return describe(text);
    }
    let beginning: String = text.chars().take(MAX_LENGTH).collect();
    let more = if text.chars().nth(MAX_LENGTH).is_some() {
        "..."
    } else {
        ""
    };
    let mut escaped = String::with_capacity(beginning.len() + 2);
    split(
        &beginning,
        &mut escaped,
        |escaped, character| match character {
            '\\' | '\'' | '"' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        },
        |escaped, character| escaped.extend(character.escape_debug()),
    );
    format!("'{escaped}{more}'")
}

/// Quotes a host name for an error.  Like [`quoted`], but a host name that only looks like
/// a key, such as one with a hash in a label, is quoted too.
pub fn quoted_host(name: &str) -> String {
    match may_be_secret(name) && is_host_name(name) {
        true => format!("'{name}'"),
        false => quoted(name),
    }
}

/// Returns whether this is a DNS name with at least two labels, none of which mixes small
/// and capital letters as Base64 does.  Hex keys are longer than a label.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let has = |class: fn(&u8) -> bool| label.bytes().any(|byte| class(&byte));
        let is_ldh = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=63).contains(&label.len())
            && label.bytes().all(is_ldh)
            && !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

fn describe(text: &str) -> String {
    let length = text.chars().count();
    match looks_like_pem(text) {
        true => format!("(PEM text of {length} characters)"),
        false => format!("(a text of {length} characters that looks like key material)"),
    }
}

/// Quotes the path of a file for an error; `None` if it may be a key passed as a path.
///
/// A name that could be Base64 or hex counts as a path if its directory exists.
pub fn quoted_path(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    let is_elsewhere = || !is_in_existing_directory(path);
    if text.len() > PATH_MAX
        || text.contains(['\n', '\r'])
        || looks_like_pem(&text)
        || looks_like_bytes(&text)
        || (has_key_digits(&text) && is_elsewhere())
    {
        return None;
    }
    Some(format!("'{}'", one_line(&text)))
}

/// Describes the path of a file for an error, without what may be a key.
pub(crate) fn describe_path(path: &Path) -> String {
    quoted_path(path).unwrap_or_else(|| {
        let length = path.as_os_str().len();
        format!("a path of {length} bytes that looks like a key")
    })
}

/// Linux's PATH_MAX, in bytes.
const PATH_MAX: usize = 4096;

fn is_in_existing_directory(path: &Path) -> bool {
    path.parent().is_some_and(|directory| {
        let mut parts = directory.components();
        parts.any(|part| matches!(part, Component::Normal(_))) && directory.is_dir()
    })
}

/// Returns whether a text may be or hold a key: PEM, Base64 or hex digits as many and as
/// mixed as in a key, or as many bytes as the shortest key has.
pub fn may_be_secret(text: &str) -> bool {
    const SHORTEST_KEY: usize = 16;
    looks_like_pem(text)
        || has_key_digits(text)
        || (text.len() >= SHORTEST_KEY && looks_like_bytes(text))
}

fn looks_like_pem(text: &str) -> bool {
    // The last two are from the output of `openssl pkey -text`.
    ["-----", "PRIVATE KEY", "Private-Key:", "priv:"]
        .iter()
        .any(|mark| text.contains(mark))
}

/// Returns whether more than a quarter of a text are control characters and invalid UTF-8.
/// In random bytes, more than half are.
fn looks_like_bytes(text: &str) -> bool {
    let is_odd =
        |character: &char| character.is_control() || *character == char::REPLACEMENT_CHARACTER;
    let odd = text.chars().filter(is_odd).count();
    4 * odd > text.chars().count()
}

/// The number of Base64 digits examined together, and the minimum number of changes between
/// capitals, small letters and digits in a key.  On average, random digits have 14 changes in
/// 24 digits and 23 in 40; words with inner capitals rarely have more than 8.
const WINDOWS: [(usize, usize); 3] = [(22, 10), (24, 10), (40, 14)];
/// The number of hex digits in a 16-byte key.
const HEX: usize = 32;

fn has_key_digits(text: &str) -> bool {
    let whole = text;
    // Lines of Base64 belong together.
    let text = &text.replace(['\n', '\r'], "");
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    let mut runs = text.as_bytes().split(|byte| !is_digit(byte));
    let is_key = |run: &[u8]| {
        let mut windows = WINDOWS.iter();
        windows.any(|&(length, turns)| run.windows(length).any(|part| is_mixed(part, turns)))
    };
    runs.any(is_key) || has_hex(whole) || has_numbers(whole)
}

fn is_mixed(window: &[u8], least: usize) -> bool {
    let class = |byte: &u8| match byte {
        b'A'..=b'Z' => Some(0),
        b'a'..=b'z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let classes: Vec<u8> = window.iter().filter_map(class).collect();
    let turns = classes.windows(2).filter(|two| two[0] != two[1]).count();
    turns >= least && classes.contains(&0) && classes.contains(&1)
}

/// Returns whether a text has as many hex digits as a key, in a row or in groups of 2, 4, 8
/// or 16 with separators.  Groups of 4 with colons do not count: they are IPv6 addresses.
fn has_hex(text: &str) -> bool {
    let mut runs = text.split(|character: char| !character.is_ascii_hexdigit());
    if runs.any(is_hex_key) {
        return true;
    }
    let text = text.replace("\\x", " ").replace("0x", " ");
    let separates = |character: char| character.is_whitespace() || ":,;-".contains(character);
    let is_colon = |character: char| character != ':' && separates(character);
    let has_groups = |length: usize| has_hex_groups(text.split(separates), length);
    has_groups(2) || has_groups(8) || has_groups(16) || has_hex_groups(text.split(is_colon), 4)
}

/// Returns whether there are as many byte values in a row as in a key.
fn has_numbers(text: &str) -> bool {
    const SHORTEST_KEY: usize = 16;
    let separates = |character: char| character.is_whitespace() || ",;[](){}".contains(character);
    let mut numbers = 0;
    text.split(separates)
        .filter(|part| !part.is_empty())
        .any(|part| {
            numbers = match part.parse::<u8>() {
                Ok(_) => numbers + 1,
                Err(_) => 0,
            };
            numbers >= SHORTEST_KEY
        })
}

fn has_hex_groups<'a>(groups: impl Iterator<Item = &'a str>, length: usize) -> bool {
    let mut digits = String::new();
    groups.filter(|group| !group.is_empty()).any(|group| {
        match group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => digits.push_str(group),
            false => digits.clear(),
        }
        is_hex_key(&digits)
    })
}

fn is_hex_key(digits: &str) -> bool {
    let letters = digits.bytes().filter(u8::is_ascii_alphabetic).count();
    digits.len() >= HEX && letters > 0 && letters < digits.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_escapes_controls_and_invisible_characters() {
        let hidden = [
            0x00..=0x1f,
            0x7f..=0xa0,
            0xad..=0xad,
            0x34f..=0x34f,
            0x61c..=0x61c,
            0x115f..=0x1160,
            0x180b..=0x180f,
            0x2000..=0x200f,
            0x2028..=0x202f,
            0x205f..=0x206f,
            0x2800..=0x2800,
            0x3000..=0x3000,
            0x3164..=0x3164,
            0xe000..=0xf8ff,
            0xfe00..=0xfe0f,
            0xfeff..=0xfeff,
            0xfff0..=0xfffb,
            0xfffe..=0xffff,
            0xe0001..=0xe01ef,
            0xf0000..=0x10ffff,
        ];
        for character in hidden.into_iter().flatten().filter_map(char::from_u32) {
            assert!(!is_plain(character), "U+{:04X}", u32::from(character));
            let text = format!("a{character}b");
            let escaped = one_line(&text);
            assert!(
                escaped.starts_with("a\\") && escaped.ends_with('b'),
                "{escaped}"
            );
            assert!(escaped.is_ascii(), "{escaped}");
        }
        for plain in [
            "Müller",
            "東京",
            "e\u{301}",
            "Ελλάδα",
            "السعودية",
            "a b",
            "\\u{2028}",
        ] {
            assert_eq!(one_line(plain), plain);
        }
        assert_eq!(one_line("\u{301}e"), "\\u{301}e");
        assert_eq!(one_line("a\nb"), "a\\nb");
        assert_eq!(one_line(&one_line("a\u{2028}b")), "a\\u{2028}b");
    }

    #[test]
    fn quoted_truncates_and_escapes_text() {
        assert_eq!(quoted("a"), "'a'");
        assert_eq!(quoted("a'b\\c\n"), r"'a\'b\\c\n'");
        assert_eq!(quoted("a\u{202e}b"), r"'a\u{202e}b'");
        assert_eq!(quoted("\u{301}"), r"'\u{301}'");
        assert_eq!(
            quoted(&"ab ".repeat(40)),
            format!("'{}...'", &"ab ".repeat(40)[..80])
        );
    }

    #[test]
    fn quoted_describes_keys_without_repeating_them() {
        for secret in [
            "-----BEGIN PRIVATE KEY-----",
            "MC4CAQAwBQYDK2VwBCIEIMAhUWKF7IKlaS1Ssrpz8Q3f75gkG2GkLcGJsXC4hA1P",
            "\"MHcCAQEEINiBJ3vQDFKoVqW+P7JKzOZnxvMnI4MVON4Miy9ClI5hoAoGCCqGSM49\"",
            "c0215162 85ec82a5692d52b2ba73f10ddfef98241b61a42dc189b170b8840d4f",
            "c0 21 51 62 85 ec 82 a5 69 2d 52 b2 ba 73 f1 0d",
            "c0:21:51:62:85:ec:82:a5:69:2d:52:b2:ba:73:f1:0d:df",
            "wCFRYoXsgqVpLVKyunPxDd_vmCQbYaQtwYmxcLiEDU8",
        ] {
            let escaped = quoted(secret);
            assert!(escaped.starts_with('('), "{escaped}");
            assert_eq!(quoted_path(Path::new(secret)), None, "{secret}");
        }
        for harmless in [
            "www.example.com",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
            "X25519MLKEM768",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "550e8400-e29b-41d4-a716-446655440000",
            "MyCompanyIntermediateCA2024",
            "/home/User1/Project2/x3/certificates/server.pem",
            "/etc/letsencrypt/live/www.example.com/privkey.pem",
            "CN=Example Root CA,O=Example Inc.,C=DE",
            &"a".repeat(64),
        ] {
            assert_eq!(quoted(harmless), format!("'{harmless}'"));
            let escaped = quoted_path(Path::new(harmless));
            assert_eq!(escaped, Some(format!("'{harmless}'")));
        }
    }

    #[test]
    fn may_be_secret_detects_random_base64_and_hex_keys() {
        let mut random = fastrand::Rng::with_seed(15);
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let missed = |digits: &[u8], length: usize, random: &mut fastrand::Rng| {
            let key: String = (0..length)
                .map(|_| char::from(digits[random.usize(..digits.len())]))
                .collect();
            !may_be_secret(&key)
        };
        let base64 = (0..2000)
            .filter(|_| missed(DIGITS, 64, &mut random))
            .count();
        let hex = (0..2000)
            .filter(|_| missed(b"0123456789abcdef", 64, &mut random))
            .count();
        assert_eq!((base64, hex), (0, 0));
    }

    #[test]
    fn may_be_secret_detects_hex_keys_with_any_separator() {
        let mut random = fastrand::Rng::with_seed(18);
        let key: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(32).collect();
        let grouped = |count: usize, separator: &str| {
            let group = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let groups: Vec<String> = key.chunks(count).map(group).collect();
            groups.join(separator)
        };
        for separator in [":", " ", "  ", "-", ",", ", ", "\\x", ", 0x", ":\n    "] {
            assert!(may_be_secret(&grouped(1, separator)), "{separator}");
        }
        for (count, separator) in [(2, " "), (2, "-"), (4, "\n"), (4, ", 0x"), (8, " ")] {
            assert!(
                may_be_secret(&grouped(count, separator)),
                "{count} {separator}"
            );
        }
        assert!(may_be_secret(&format!("{key:?}")));
        let lines = key.chunks(15).map(|line| {
            let pairs: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("    {}:\n", pairs.join(":"))
        });
        assert!(may_be_secret(&lines.collect::<String>()));
        assert!(may_be_secret("Private-Key: (256 bit)\npriv:\n    c0:21"));
        for text in [
            "2001:0db8:85a3:08d3:1319:8a2e:0370:7344",
            "5f2c8a1b-9d3e-4f60-7182-93a4b5c6d7e8",
            "2026-11-30 17:47:32, 2026-11-30 17:47:33, 2026-11-30 17:47:34",
            "00:1b:44:11:3a:b7",
        ] {
            assert!(!may_be_secret(text), "{text}");
        }
    }

    #[test]
    fn quoted_host_quotes_names_with_hashes_but_not_keys() {
        for host in [
            "D41D8CD98F00B204E9800998ECF8427E.gr7.us-east-1.eks.amazonaws.com",
            "_3639ac514e785e898d2646601fa951d5.example.com",
            "www.example.org",
        ] {
            assert_eq!(quoted_host(host), format!("'{host}'"));
        }
        for key in [
            "c0215162a5ec82a5c0215162a5ec82a5",
            "c0215162a5ec82a5c0215162a5ec82a5c0215162a5ec82a5c0215162a5ec82a5.example",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        ] {
            assert!(!quoted_host(key).contains(&key[..8]), "{key}");
        }
    }

    #[test]
    fn quoted_describes_random_bytes() {
        let mut random = fastrand::Rng::with_seed(17);
        let quotes = (0..20_000).filter(|_| {
            let key: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(32).collect();
            quoted(&String::from_utf8_lossy(&key)).starts_with('\'')
        });
        assert!(quotes.count() < 20);
        assert_eq!(quoted("a\nb\rc"), "'a\\nb\\rc'");
    }

    #[test]
    fn quoted_path_accepts_legacy_encodings_but_not_random_bytes() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let mut random = fastrand::Rng::with_seed(16);
        let escaped = (0..20_000).filter(|_| {
            let mut key: Vec<u8> = std::iter::repeat_with(|| random.u8(1..)).take(32).collect();
            key.retain(|byte| !matches!(byte, b'\n' | b'\r'));
            quoted_path(Path::new(OsStr::from_bytes(&key))).is_some()
        });
        assert!(escaped.count() < 20);
        let latin1 = Path::new(OsStr::from_bytes(
            b"/etc/ssl/Schl\xfcssel f\xfcr B\xe4cker.pem",
        ));
        assert!(quoted_path(latin1).is_some());
    }

    #[test]
    fn quoted_path_accepts_hashes_in_existing_directories() {
        let name = "5f2c8a1b9d3e4f60718293a4b5c6d7e8.pem";
        let existing = std::env::temp_dir().join(name);
        assert!(quoted_path(&existing).is_some());
        assert_eq!(
            quoted_path(Path::new("/nowhere/at/all").join(name).as_path()),
            None
        );
        assert_eq!(quoted_path(Path::new(name)), None);
        assert_eq!(quoted_path(Path::new("a\nb")), None);
        assert_eq!(quoted_path(Path::new(&"a/".repeat(3000))), None);
        assert_eq!(
            quoted_path(Path::new("a\u{2028}b")),
            Some("'a\\u{2028}b'".to_owned())
        );
    }
}
