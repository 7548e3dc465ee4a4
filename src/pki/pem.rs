//! PEM (RFC 7468), read leniently and written strictly.
//!
//! The files that people have carry comments, headers, blank lines and odd line
//! lengths, and all of that is skipped.  Keys pass through here, so what is
//! decoded is wiped when it is dropped and lies in a buffer that never had to
//! grow, which would leave a copy behind.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::document_type::{DocumentType, TRUSTED};
use super::tlv::place;
use crate::{Error, Result, Status};

/// What stands between a BEGIN and its END.
pub(super) struct Section<'a> {
    label: String,
    body: Vec<&'a [u8]>,
}

impl<'a> Section<'a> {
    /// What its label says that it is.
    pub(super) fn kind(&self) -> Option<DocumentType> {
        DocumentType::of_label(&self.label)
    }

    /// Whether it is a private key of a form that we read, or encrypted.
    pub(super) fn is_private_key(&self) -> bool {
        matches!(
            self.kind(),
            Some(DocumentType::PrivateKey | DocumentType::EncryptedKey)
        )
    }

    /// Whether OpenSSL's own settings may stand behind the certificate in it.
    pub(super) fn may_have_settings(&self) -> bool {
        self.label == TRUSTED
    }

    /// Whether the PEM itself is encrypted, as OpenSSL did before PKCS#8.
    pub(super) fn is_encrypted_by_openssl(&self) -> bool {
        let processing = self.header("Proc-Type");
        processing.is_some_and(|value| value.ends_with(b"ENCRYPTED"))
    }

    /// The value of a header (RFC 1421, section 4.6).
    pub(super) fn header(&self, name: &str) -> Option<&'a [u8]> {
        let value = |line: &&'a [u8]| {
            let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
            Some(value.trim_ascii())
        };
        self.body.iter().find_map(value)
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

/// The lines of a text, without the blanks around them.
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
    /// Goes back to the end of the line that came last: where a file without a newline at
    /// its end stands before another one, BEGIN follows END on the same line.
    fn put_back(&mut self, line: &'a [u8], text: &'a [u8]) {
        let start = place(line, text).start;
        self.0 = text.get(start..);
    }
}

/// The label of a BEGIN line.  A line that holds the whole section is none: what stands
/// between the labels is not one, and may be a key.
fn begin(line: &[u8]) -> Option<String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
    is_label(label).then(|| String::from_utf8(label.to_vec()).ok())?
}

/// Labels are words of capitals and digits, such as "X509 CRL" (RFC 7468, section 2), and
/// "PKCS #7 SIGNED DATA".
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

/// Whether a file is DER: every document here is a SEQUENCE, whose tag is also
/// the digit 0, with which the text before PEM may begin.
pub(super) fn is_der(content: &[u8]) -> bool {
    content.first() == Some(&0x30) && !content.windows(BEGIN.len()).any(|bytes| bytes == BEGIN)
}

/// What is in the sections of one kind, in order, each parsed from its DER with its
/// place among them: at least one.
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

/// Why a text without the section that was looked for has none.
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

/// Whether there are BEGIN lines, none of which is a line.
fn has_lost_line_ends(text: &[u8]) -> bool {
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
