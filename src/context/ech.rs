//! The public names of an ECHConfigList, which a client must not take for the name that it
//! requests.

use rustls_pki_types::ServerName;

/// The public names of a list (RFC 9849, section 4), as they are written there.
pub(super) fn public_names(list: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut configs = sized::<2>(list).map_or(&[][..], |(configs, _)| configs);
    // Each has its version in front.
    while let Some((contents, rest)) = configs.get(2..).and_then(sized::<2>) {
        configs = rest;
        names.extend(public_name(contents));
    }
    names
}

fn public_name(contents: &[u8]) -> Option<String> {
    // config_id and kem_id, then the key and the cipher suites.
    let (_key, rest) = sized::<2>(contents.get(3..)?)?;
    let (_suites, rest) = sized::<2>(rest)?;
    // Behind maximum_name_length.
    let (name, _) = sized::<1>(rest.get(1..)?)?;
    String::from_utf8(name.to_vec()).ok()
}

/// What follows its length, of so many bytes, and the rest.
fn sized<const LENGTH: usize>(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let length = length
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

/// The requested name in a spelling that none of the public names has.
///
/// Where the server rejects ECH, rustls asks the verifier about the public name (RFC 9849,
/// section 6.1.7), and else about the name that is requested, which may stand for another
/// one to verify.  If both are one name, its spelling says which is meant: case makes no
/// difference in DNS.
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
