//! PEM (RFC 7468), read leniently and written strictly.
//!
//! The files that people have carry comments, headers, blank lines and odd line
//! lengths, and all of that is skipped.  Keys pass through here, so what is
//! decoded is wiped when it is dropped and lies in a buffer that never had to
//! grow, which would leave a copy behind.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::{Error, Result, Status};

/// What stands between a BEGIN and its END.
pub(super) struct Section<'a> {
    label: String,
    body: Vec<&'a [u8]>,
}

impl Section<'_> {
    pub(super) fn is_certificate(&self) -> bool {
        // The second is what OpenSSL wrote before 1998, and still reads.
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE")
    }

    /// Whether it is a private key of a form that we read, or encrypted.
    pub(super) fn is_private_key(&self) -> bool {
        matches!(
            self.label.as_str(),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "ENCRYPTED PRIVATE KEY"
        )
    }

    /// Whether the PEM itself is encrypted, as OpenSSL did before PKCS#8.
    pub(super) fn is_encrypted_by_openssl(&self) -> bool {
        let says_so =
            |line: &&[u8]| line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
        self.body.iter().any(says_so)
    }

    pub(super) fn is_request(&self) -> bool {
        // The second is what Microsoft's and old tools write.
        matches!(
            self.label.as_str(),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST"
        )
    }

    pub(super) fn is_crl(&self) -> bool {
        self.label == "X509 CRL"
    }

    /// What it holds.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>> {
        let is_header = |line: &&&[u8]| line.contains(&b':');
        let length = self.body.iter().map(|line| line.len()).sum();
        let mut der = Zeroizing::new(Vec::with_capacity(length));
        for line in self.body.iter().skip_while(is_header) {
            der.extend_from_slice(line);
        }
        match Base64::decode_in_place(&mut der).map(<[u8]>::len) {
            Ok(length) => der.truncate(length),
            Err(_) => return Err(damaged(&self.label, "what it holds is not base64")),
        }
        Ok(der)
    }
}

/// The sections of a PEM text, in order; what stands between them is ignored.
/// After an error comes nothing more.
pub(super) fn sections(text: &[u8]) -> impl Iterator<Item = Result<Section<'_>>> {
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    std::iter::from_fn(move || {
        let label = lines.by_ref().find_map(begin)?;
        let end = format!("-----END {label}-----");
        let mut body = Vec::new();
        for line in lines.by_ref() {
            if line == end.as_bytes() {
                return Some(Ok(Section { label, body }));
            }
            body.push(line);
        }
        Some(Err(damaged(&label, "its END line is missing")))
    })
}

/// The label of a BEGIN line.  A line that holds the whole section is none: what stands
/// between the labels is not one, and may be a key.
fn begin(line: &[u8]) -> Option<String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
    is_label(label).then(|| String::from_utf8(label.to_vec()).ok())?
}

/// Labels are words of capitals and digits, such as "X509 CRL" (RFC 7468, section 2).
fn is_label(label: &[u8]) -> bool {
    const LONGEST: usize = 40;
    let is_word = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    label.len() <= LONGEST && label.iter().all(is_word)
}

fn damaged(label: &str, how: &str) -> Error {
    Error::new(
        Status::Parse,
        format!("the section '{label}' of the PEM text is damaged: {how}"),
    )
}

/// Whether a file is DER: every document here is a SEQUENCE, whose tag is also
/// the digit 0, with which the text before PEM may begin.
pub(super) fn is_der(content: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    content.first() == Some(&0x30) && !content.windows(BEGIN.len()).any(|bytes| bytes == BEGIN)
}

/// What is in the sections of one kind, in order, each parsed from its DER with its
/// place among them: at least one.  `what` is the kind, for an error.
pub(super) fn every<'a, T>(
    text: &'a [u8],
    what: &str,
    is_wanted: fn(&Section<'a>) -> bool,
    parse: impl Fn(usize, Vec<u8>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for section in sections(text) {
        let section = section?;
        if is_wanted(&section) {
            let der = std::mem::take(&mut *section.decode()?);
            all.push(parse(all.len(), der)?);
        }
    }
    if all.is_empty() {
        return Err(missing(what, text));
    }
    Ok(all)
}

/// Why a text without the section that was looked for has none.
pub(super) fn missing(what: &str, text: &[u8]) -> Error {
    let found = sections(text).map_while(Result::ok).take(5);
    let found: Vec<_> = found
        .map(|section| format!("'{}'", section.label))
        .collect();
    let instead = match text.first() {
        None => "it is empty".to_owned(),
        Some(_) if is_der(text) => "it looks like DER, which 'openssl x509 -inform DER' or \
                       'openssl pkey -inform DER' turn into PEM"
            .to_owned(),
        Some(_) if has_lost_line_ends(text) => "it is PEM whose line ends are lost, or whose \
                     labels are damaged: each BEGIN and END has to be a line of its own"
            .to_owned(),
        Some(_) if is_utf16(text) => "it is UTF-16, and PEM is ASCII: save it as UTF-8".to_owned(),
        Some(_) if found.is_empty() => "it is not PEM".to_owned(),
        Some(_) => format!("it has {}", found.join(", ")),
    };
    let length = text.len();
    Error::new(
        Status::Parse,
        format!("the text of {length} bytes contains no {what}: {instead}"),
    )
}

/// Whether there are BEGIN lines, none of which is a line.
fn has_lost_line_ends(text: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let mut lines = text.split(|&byte| byte == b'\n');
    lines.clone().all(|line| begin(line.trim_ascii()).is_none())
        && lines.any(|line| line.windows(BEGIN.len()).any(|part| part == BEGIN))
}

/// Whether every other byte of "-----BEGIN " is a NUL.
fn is_utf16(text: &[u8]) -> bool {
    let dashes: Vec<u8> = b"-----".iter().flat_map(|dash| [0, *dash]).collect();
    text.windows(dashes.len()).any(|part| part == dashes)
}

/// Writes one section.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    const LINE: usize = 64;
    let base64 = Zeroizing::new(Base64::encode_string(der));
    let lines = base64.len().div_ceil(LINE);
    let length = base64.len() + lines + 2 * ("-----BEGIN -----\n".len() + label.len());
    let mut text = Zeroizing::new(String::with_capacity(length));
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at(rest.len().min(LINE));
        text.extend([line, "\n"]);
        rest = others;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}
