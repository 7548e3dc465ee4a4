//! The public names of an ECHConfigList, and a spelling of the requested name that
//! differs from all of them.

use rustls_pki_types::ServerName;

/// Returns the public names in a list (RFC 9849, section 4), as spelled there.
pub(super) fn public_names(list: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut configs = sized::<2>(list).map_or(&[][..], |(configs, _)| configs);
    // Each ECHConfig starts with its version.
    while let Some((contents, rest)) = configs.get(2..).and_then(sized::<2>) {
        configs = rest;
        names.extend(public_name(contents));
    }
    names
}

fn public_name(contents: &[u8]) -> Option<String> {
    // Skip config_id and kem_id; the public key and the cipher suites follow.
    let (_key, rest) = sized::<2>(contents.get(3..)?)?;
    let (_suites, rest) = sized::<2>(rest)?;
    // Skip maximum_name_length.
    let (name, _) = sized::<1>(rest.get(1..)?)?;
    String::from_utf8(name.to_vec()).ok()
}

/// Splits off a vector with a length prefix of `LENGTH` bytes.  Returns it and the rest.
fn sized<const LENGTH: usize>(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let length = length
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

/// Returns the requested name in a spelling that no public name has.
///
/// If the server rejects ECH, rustls asks the verifier about the public name (RFC 9849,
/// section 6.1.7), otherwise about the requested name.  The program may want another name
/// verified in place of the requested one.  If the public and the requested name are
/// equal, only the spelling tells the verifier which one is meant.  DNS ignores case.
pub(super) fn apart_from(requested: &ServerName<'_>, public: &[String]) -> ServerName<'static> {
    let text = requested.to_str();
    let is_public = |text: &str| public.iter().any(|name| name == text);
    if !is_public(&text) {
        return requested.to_owned();
    }
    let letters = text
        .char_indices()
        .filter(|(_, one)| one.is_ascii_alphabetic());
    let spellings = letters.map(|(at, letter)| {
        let other = match letter.is_ascii_lowercase() {
            true => letter.to_ascii_uppercase(),
            false => letter.to_ascii_lowercase(),
        };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    });
    let apart = spellings.into_iter().find(|spelling| !is_public(spelling));
    let apart = apart.and_then(|spelling| ServerName::try_from(spelling).ok());
    apart.unwrap_or_else(|| requested.to_owned())
}
