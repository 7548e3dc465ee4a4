//! PEM (RFC 7468), parsed leniently and written strictly.
//!
//! Real files have comments, headers, blank lines and unusual line lengths, which are
//! skipped.  PEM may hold keys, so decoded data is wiped on drop.  Its buffer never grows,
//! because that would leave copies behind.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::document_type::{DocumentType, TRUSTED};
use super::tlv::place;
use crate::{Error, Result, Status};

/// The content between a BEGIN line and its END line.
pub(super) struct Section<'a> {
    label: String,
    body: Vec<&'a [u8]>,
}

impl<'a> Section<'a> {
    /// Returns the document type of its label.
    pub(super) fn kind(&self) -> Option<DocumentType> {
        DocumentType::of_label(&self.label)
    }

    /// Returns whether it is a private key in a supported format, encrypted or not.
    pub(super) fn is_private_key(&self) -> bool {
        matches!(
            self.kind(),
            Some(DocumentType::PrivateKey | DocumentType::EncryptedKey)
        )
    }

    /// Returns whether OpenSSL trust settings may follow the certificate in it.
    pub(super) fn may_have_settings(&self) -> bool {
        self.label == TRUSTED
    }

    /// Returns whether it has OpenSSL's traditional PEM encryption.
    pub(super) fn is_encrypted_by_openssl(&self) -> bool {
        let processing = self.header("Proc-Type");
        processing.is_some_and(|value| value.ends_with(b"ENCRYPTED"))
    }

    /// Returns the value of a header (RFC 1421, section 4.6).
    pub(super) fn header(&self, name: &str) -> Option<&'a [u8]> {
        let value = |line: &&'a [u8]| {
            let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
            Some(value.trim_ascii())
        };
        self.body.iter().find_map(value)
    }

    /// Decodes its content.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>> {
        let is_header = |line: &&&[u8]| line.contains(&b':');
        let length = self.body.iter().map(|line| line.len()).sum();
        let mut der = Zeroizing::new(Vec::with_capacity(length));
        for line in self.body.iter().skip_while(is_header) {
            der.extend_from_slice(line);
        }
        match Base64::decode_in_place(&mut der).map(<[u8]>::len) {
            Ok(length) => der.truncate(length),
            Err(_) => return Err(damaged(&self.label, "its content is not base64")),
        }
        Ok(der)
    }
}

/// Iterates over the sections of a PEM text, in order; the text between them is ignored.
/// Ends after an error.
pub(super) fn sections(text: &[u8]) -> impl Iterator<Item = Result<Section<'_>>> {
    let mut lines = Lines(Some(text));
    std::iter::from_fn(move || {
        let label = lines.find_map(begin)?;
        let end = format!("-----END {label}-----");
        let mut body = Vec::new();
        while let Some(line) = lines.next() {
            match line
                .strip_prefix(end.as_bytes())
                .map(<[u8]>::trim_ascii_start)
            {
                Some([]) => return Some(Ok(Section { label, body })),
                Some(joined) if joined.starts_with(BEGIN) => {
                    lines.put_back(joined, text);
                    return Some(Ok(Section { label, body }));
                }
                _ => body.push(line),
            }
        }
        Some(Err(damaged(&label, "its END line is missing")))
    })
}

const BEGIN: &[u8] = b"-----BEGIN ";

/// Iterates over the lines of a text, without surrounding blanks.
#[derive(Clone)]
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        let mut parts = rest.splitn(2, |&byte| byte == b'\n');
        let line = parts.next()?;
        self.0 = parts.next();
        Some(line.trim_ascii())
    }
}

impl<'a> Lines<'a> {
    /// Continues after `line`, which has just been read.  If a file without a final newline
    /// was concatenated with another, BEGIN follows END on the same line.
    fn put_back(&mut self, line: &'a [u8], text: &'a [u8]) {
        let start = place(line, text).start;
        self.0 = text.get(start..);
    }
}

/// Returns the label of a BEGIN line.  A line that holds the whole section has none: the
/// rest of it may be a key.
fn begin(line: &[u8]) -> Option<String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
    is_label(label).then(|| String::from_utf8(label.to_vec()).ok())?
}

/// Returns whether this is a label: words of capitals and digits, such as "X509 CRL" (RFC
/// 7468, section 2), or "PKCS #7 SIGNED DATA".
fn is_label(label: &[u8]) -> bool {
    const MAX_LABEL: usize = 40;
    let is_usual = |byte: &u8| matches!(*byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'#');
    label.len() <= MAX_LABEL && label.iter().all(is_usual)
}

fn damaged(label: &str, how: &str) -> Error {
    Error::new(
        Status::Parse,
        format!("the section '{label}' of the PEM text is damaged: {how}"),
    )
}

/// Returns whether a file is DER.  Every document here is a SEQUENCE, whose tag is also the
/// digit 0, which text before PEM may begin with.
pub(super) fn is_der(content: &[u8]) -> bool {
    content.first() == Some(&0x30) && !content.windows(BEGIN.len()).any(|bytes| bytes == BEGIN)
}

/// Parses the sections of one type, in order, each from its DER and its index: at least
/// one.
pub(super) fn every<T>(
    text: &[u8],
    kind: DocumentType,
    parse: impl Fn(usize, Vec<u8>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for section in sections(text) {
        let section = section?;
        if section.kind() == Some(kind) {
            let der = std::mem::take(&mut *section.decode()?);
            all.push(parse(all.len(), der)?);
        }
    }
    if all.is_empty() {
        return Err(missing(kind, text));
    }
    Ok(all)
}

/// The error for a text without the expected section.
pub(super) fn missing(needed: DocumentType, text: &[u8]) -> Error {
    if is_der(text)
        && let Some(kind) = DocumentType::of_der(text)
        && kind != needed
    {
        return kind.mismatch(needed);
    }
    let found: Vec<_> = sections(text).map_while(Result::ok).take(5).collect();
    let mut kinds: Vec<_> = found.iter().filter_map(Section::kind).collect();
    kinds.dedup();
    if let [kind] = kinds[..]
        && kind != needed
    {
        return kind.mismatch(needed);
    }
    let labels: Vec<_> = found.iter().map(|one| format!("'{}'", one.label)).collect();
    let instead = match text.first() {
        None => "it is empty".to_owned(),
        Some(_) if is_der(text) => "it looks like DER, which 'openssl x509 -inform DER' or \
                       'openssl pkey -inform DER' turn into PEM"
            .to_owned(),
        Some(_) if has_lost_line_ends(text) => "it is PEM whose line ends are lost, or whose \
                     labels are damaged: each BEGIN and END has to be a line of its own"
            .to_owned(),
        Some(_) if is_utf16(text) => "it is UTF-16, and PEM is ASCII: save it as UTF-8".to_owned(),
        Some(_) if labels.is_empty() => "it is not PEM".to_owned(),
        Some(_) => format!("it has {}", labels.join(", ")),
    };
    let (length, what) = (text.len(), needed.name());
    Error::new(
        Status::Parse,
        format!("the text of {length} bytes contains no {what}: {instead}"),
    )
}

/// Returns whether BEGIN occurs, but never on a line of its own.
fn has_lost_line_ends(text: &[u8]) -> bool {
    let mut lines = text.split(|&byte| byte == b'\n');
    lines.clone().all(|line| begin(line.trim_ascii()).is_none())
        && lines.any(|line| line.windows(BEGIN.len()).any(|part| part == BEGIN))
}

/// Returns whether it contains "-----" in UTF-16.
fn is_utf16(text: &[u8]) -> bool {
    let dashes: Vec<u8> = b"-----".iter().flat_map(|dash| [0, *dash]).collect();
    text.windows(dashes.len()).any(|part| part == dashes)
}

/// Encodes one section.
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
