//! One error for the whole library: a [`Status`] for programs, a sentence for
//! people, and, where there is one, the cause.
//!
//! The codes are grouped by what the caller would do about them: call again,
//! mend the call, look at the network, look at the peer's certificate, look at
//! a file.  They are the same in Rust, C and Python.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::base::text;

/// What every fallible call of this library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not succeed, for programs.
///
/// The numbers are those of `tlsmith_status` in C.  They are never used again
/// for something else, and new ones only come below the last of their group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Status {
    /// Call again when the transport is readable.
    WantRead = -1,
    /// Call again when the transport is writable.
    WantWrite = -2,
    /// An invalid argument.
    Argument = -3,
    /// Not allowed now.
    State = -4,
    /// Not in this build, or not on this system.
    Unsupported = -5,
    /// A bug in this library.
    Internal = -6,
    /// A system call failed: see [`Error::os_error`].
    Io = -10,
    /// The host name has no address.
    Resolve = -11,
    /// The time limit passed.
    Timeout = -12,
    /// The transport ended without a close_notify alert: data may be missing.
    Truncated = -13,
    /// The peer broke the protocol.
    Protocol = -20,
    /// The peer sent a fatal alert: see [`Error::alert`].
    Alert = -21,
    /// The peers share no version, cipher suite, group or ALPN protocol.
    NoCommon = -22,
    /// The certificate is rejected, for a reason without a code of its own.
    Certificate = -30,
    /// No trusted root leads to the certificate.
    CertificateUnknownIssuer = -31,
    /// The certificate is for another name.
    CertificateNameMismatch = -32,
    /// The validity of a certificate in the path is over.
    CertificateExpired = -33,
    /// The validity of a certificate in the path has not begun.
    CertificateNotYetValid = -34,
    /// A CRL lists the certificate.
    CertificateRevoked = -35,
    /// No CRL says whether the certificate is revoked, or the CRL that does is too old.
    CertificateUnknownRevocation = -36,
    /// The peer sent no certificate, and one is required.
    CertificateMissing = -37,
    /// The application refused the certificate.
    CertificateRefused = -38,
    /// None of the pinned keys is in the path.
    CertificatePinMismatch = -39,
    /// The application refused the OCSP response of the certificate, or misses one.
    CertificateOcsp = -40,
    /// The key usage or extended key usage of the certificate does not allow this use.
    CertificateWrongUsage = -41,
    /// The certificate of a CA stands where an end-entity certificate belongs.
    CertificateNotAnEndEntity = -42,
    /// A certificate in the chain issued another one, and is not a CA or may not sign
    /// certificates.
    CertificateNotACa = -43,
    /// A name constraint or a policy of the chain forbids the certificate.
    CertificateConstraint = -44,
    /// There are more CAs in the path than a CA or the context allows.
    CertificatePathTooLong = -45,
    /// A key or a signature in the chain is too weak.
    CertificateWeakKey = -46,
    /// A signature in the chain, or over the handshake, does not verify, or its algorithm is
    /// not accepted.
    CertificateBadSignature = -47,
    /// The key of a certificate is of a kind that is not supported.
    CertificateUnsupportedKey = -48,
    /// A certificate has a critical extension that is not supported.
    CertificateUnsupportedExtension = -49,
    /// A certificate does not parse, or breaks RFC 5280.
    CertificateMalformed = -50,
    /// A file cannot be read or written.
    File = -60,
    /// PEM or DER that does not parse.
    Parse = -61,
    /// The private key does not belong to the certificate.
    KeyMismatch = -62,
    /// The authority may not issue this certificate.
    Issue = -63,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 38] = [
        Self::WantRead,
        Self::WantWrite,
        Self::Argument,
        Self::State,
        Self::Unsupported,
        Self::Internal,
        Self::Io,
        Self::Resolve,
        Self::Timeout,
        Self::Truncated,
        Self::Protocol,
        Self::Alert,
        Self::NoCommon,
        Self::Certificate,
        Self::CertificateUnknownIssuer,
        Self::CertificateNameMismatch,
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::CertificateRevoked,
        Self::CertificateUnknownRevocation,
        Self::CertificateMissing,
        Self::CertificateRefused,
        Self::CertificatePinMismatch,
        Self::CertificateOcsp,
        Self::CertificateWrongUsage,
        Self::CertificateNotAnEndEntity,
        Self::CertificateNotACa,
        Self::CertificateConstraint,
        Self::CertificatePathTooLong,
        Self::CertificateWeakKey,
        Self::CertificateBadSignature,
        Self::CertificateUnsupportedKey,
        Self::CertificateUnsupportedExtension,
        Self::CertificateMalformed,
        Self::File,
        Self::Parse,
        Self::KeyMismatch,
        Self::Issue,
    ];

    /// The number that stands for it in C.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The status with this number, if there is one.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// A short phrase, for logs that have only the code.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::WantRead => "call again when the transport is readable",
            Self::WantWrite => "call again when the transport is writable",
            Self::Argument => "invalid argument",
            Self::State => "not allowed now",
            Self::Unsupported => "not supported by this build or system",
            Self::Internal => "internal error: please report it",
            Self::Io => "a system call failed",
            Self::Resolve => "the host name has no address",
            Self::Timeout => "the time limit passed",
            Self::Truncated => "the connection ended without close_notify",
            Self::Protocol => "what the peer sent is invalid, or exceeds a limit",
            Self::Alert => "the peer sent an alert",
            Self::NoCommon => "no version, cipher suite, group or ALPN protocol in common",
            Self::Certificate => "certificate rejected",
            Self::CertificateUnknownIssuer => "no trusted root leads to the certificate",
            Self::CertificateNameMismatch => "certificate is for another name",
            Self::CertificateExpired => "certificate is expired",
            Self::CertificateNotYetValid => "certificate is not valid yet",
            Self::CertificateRevoked => "certificate is revoked",
            Self::CertificateUnknownRevocation => {
                "no current CRL says whether the certificate is revoked"
            }
            Self::CertificateMissing => "the peer sent no certificate",
            Self::CertificateRefused => "certificate refused by the application",
            Self::CertificatePinMismatch => {
                "none of the pinned keys is in the path of the certificate"
            }
            Self::CertificateOcsp => "certificate without an OCSP response that is accepted",
            Self::CertificateWrongUsage => "certificate is not for this use",
            Self::CertificateNotAnEndEntity => {
                "certificate of a CA in place of an end-entity certificate"
            }
            Self::CertificateNotACa => "certificate was issued by one that is not a CA",
            Self::CertificateConstraint => {
                "certificate is forbidden by a name constraint or a policy"
            }
            Self::CertificatePathTooLong => "more CAs in the path than are allowed",
            Self::CertificateWeakKey => "certificate has a key or signature that is too weak",
            Self::CertificateBadSignature => "a signature does not verify",
            Self::CertificateUnsupportedKey => {
                "certificate has a key of a kind that is not supported"
            }
            Self::CertificateUnsupportedExtension => {
                "certificate has a critical extension that is not supported"
            }
            Self::CertificateMalformed => "certificate is malformed",
            Self::File => "a file cannot be read or written",
            Self::Parse => "PEM or DER that does not parse",
            Self::KeyMismatch => "the private key does not belong to the certificate",
            Self::Issue => "the authority may not issue this certificate",
        }
    }
}

/// Why a call did not succeed: a [`Status`] for programs and a sentence for
/// people, which names the values at fault and says what to do.
///
/// Cloning is cheap.  A connection that failed keeps its error and returns it
/// again from every later call.
#[derive(Clone, Debug)]
pub struct Error(Repr);

/// Small, as connections keep errors, and without an allocation where the status
/// says it all: what would block is no reason to allocate.
#[derive(Clone, Debug)]
enum Repr {
    StatusOnly(Status),
    Detailed(Arc<Detailed>),
}

#[derive(Clone, Debug)]
struct Detailed {
    status: Status,
    message: Cow<'static, str>,
    detail: Option<Detail>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    chain: Arc<[CertificateDer<'static>]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Detail {
    OsError(i32),
    Alert(u8),
    /// With the ECHConfigList that the server sent.
    EchRejected(Option<Vec<u8>>),
}

impl Error {
    /// An error with its sentence: no capital at its start and no stop at its end.
    ///
    /// It becomes one line, as [`text::one_line`] makes it, whatever text from outside
    /// it quotes.
    pub fn new(status: Status, message: impl Into<Cow<'static, str>>) -> Self {
        Self::detailed(status, message.into(), None, None)
    }

    /// An error with [`Status::Argument`]: the caller passed a value that is not allowed.
    pub fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::Argument, message)
    }

    /// An error with [`Status::State`]: the object cannot do this now.
    pub fn state(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::State, message)
    }

    fn detailed(
        status: Status,
        message: Cow<'static, str>,
        detail: Option<Detail>,
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let escaped = match text::one_line(&message) {
            Cow::Borrowed(_) => None,
            Cow::Owned(escaped) => Some(escaped),
        };
        Self(Repr::Detailed(Arc::new(Detailed {
            status,
            message: escaped.map_or(message, Cow::Owned),
            detail,
            source,
            chain: Arc::default(),
        })))
    }

    /// A system call failed while doing what `what` says.
    pub fn io(what: impl fmt::Display, error: io::Error) -> Self {
        Self::system(Status::Io, what, error)
    }

    /// The file at `path` could not be read or written, as `what` says
    /// ("cannot read the roots").  A path that looks like the text of a key is not
    /// repeated.
    pub fn file(what: impl fmt::Display, path: &Path, error: io::Error) -> Self {
        match text::quoted_path(path) {
            Some(path) => Self::system(Status::File, format!("{what} {path}"), error),
            None => {
                let length = path.as_os_str().len();
                let what = format!(
                    "{what}: {length} bytes that look like PEM or a key are given as its path, \
                     which is the name of a file; PEM itself is for the functions that take it \
                     from memory"
                );
                Self::system(Status::File, what, error)
            }
        }
    }

    fn system(status: Status, what: impl fmt::Display, error: io::Error) -> Self {
        let message = format!("{what}: {error}").into();
        let detail = error.raw_os_error().map(Detail::OsError);
        Self::detailed(status, message, detail, Some(Arc::new(error)))
    }

    /// The peer sent the fatal alert with this number (RFC 8446, section 6).
    pub fn from_alert(status: Status, alert: u8, message: impl Into<Cow<'static, str>>) -> Self {
        Self::detailed(status, message.into(), Some(Detail::Alert(alert)), None)
    }

    /// The server rejected ECH, and sent this ECHConfigList in its place.
    pub(crate) fn ech_rejected(
        message: impl Into<Cow<'static, str>>,
        retry_configs: Option<Vec<u8>>,
    ) -> Self {
        let detail = Some(Detail::EchRejected(retry_configs));
        Self::detailed(Status::NoCommon, message.into(), detail, None)
    }

    /// The same error with its cause, which [`std::error::Error::source`] gives.
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = Some(Arc::from(source.into()));
        match self.0 {
            Repr::StatusOnly(status) => {
                Self::detailed(status, status.phrase().into(), None, source)
            }
            Repr::Detailed(detailed) => {
                let detailed = Arc::unwrap_or_clone(detailed);
                Self(Repr::Detailed(Arc::new(Detailed { source, ..detailed })))
            }
        }
    }

    /// The same error about what a file holds, with the name of the file in front.
    pub(crate) fn about_file(self, path: &Path) -> Self {
        let sentence = format!("'{}': {self}", path.display());
        Self::new(self.status(), sentence).with_source(self)
    }

    /// The same refusal with the certificates that it is about.
    pub(crate) fn with_chain(self, chain: Vec<CertificateDer<'static>>) -> Self {
        match self.0 {
            Repr::StatusOnly(_) => self,
            Repr::Detailed(detailed) => {
                let (detailed, chain) = (Arc::unwrap_or_clone(detailed), chain.into());
                Self(Repr::Detailed(Arc::new(Detailed { chain, ..detailed })))
            }
        }
    }

    /// The code for programs.
    pub fn status(&self) -> Status {
        match &self.0 {
            Repr::StatusOnly(status) => *status,
            Repr::Detailed(detailed) => detailed.status,
        }
    }

    fn detail(&self) -> Option<&Detail> {
        match &self.0 {
            Repr::StatusOnly(_) => None,
            Repr::Detailed(detailed) => detailed.detail.as_ref(),
        }
    }

    /// The `errno` of the system call that failed.
    pub fn os_error(&self) -> Option<i32> {
        match self.detail() {
            Some(Detail::OsError(errno)) => Some(*errno),
            _ => None,
        }
    }

    /// The number of the alert that the peer sent.
    pub fn alert(&self) -> Option<u8> {
        match self.detail() {
            Some(Detail::Alert(alert)) => Some(*alert),
            _ => None,
        }
    }

    /// Whether the server rejected the encrypted ClientHello of a client (ECH), and
    /// proved that it may: its certificate is for the public name of the client's
    /// ECHConfigList (RFC 9849, section 6.1.6).
    pub fn is_ech_rejection(&self) -> bool {
        matches!(self.detail(), Some(Detail::EchRejected(_)))
    }

    /// The ECHConfigList that the server sent when it rejected ECH: the argument of
    /// [`Context::set_ech`](crate::Context::set_ech) for one more attempt over a new
    /// transport.  `None` if it sent none, which means that it has disabled ECH, and
    /// for other errors.
    pub fn ech_retry_configs(&self) -> Option<&[u8]> {
        match self.detail() {
            Some(Detail::EchRejected(configs)) => configs.as_deref(),
            _ => None,
        }
    }

    /// The certificates that were refused, as the peer sent them, its own first.
    pub(crate) fn chain_der(&self) -> &[CertificateDer<'static>] {
        match &self.0 {
            Repr::StatusOnly(_) => &[],
            Repr::Detailed(detailed) => &detailed.chain,
        }
    }

    /// Whether the call only has to be made again later.
    pub fn is_want(&self) -> bool {
        matches!(self.status(), Status::WantRead | Status::WantWrite)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Repr::StatusOnly(status) => status.phrase(),
            Repr::Detailed(detailed) => &detailed.message,
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let Repr::Detailed(detailed) = &self.0 else {
            return None;
        };
        let source = detailed.source.as_deref()?;
        Some(source as &(dyn std::error::Error + 'static))
    }
}

impl From<Status> for Error {
    /// An error that has nothing to say beyond its status.
    fn from(status: Status) -> Self {
        Self(Repr::StatusOnly(status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_unique_and_round_trip() {
        for (index, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(Status::from_code(status.code()), Some(status));
            let later = &Status::ALL[index + 1..];
            assert!(later.iter().all(|other| other.code() < status.code()));
            assert!(!status.phrase().is_empty());
        }
        assert_eq!(Status::from_code(0), None);
    }

    #[test]
    fn errors_without_detail_are_small() {
        assert!(size_of::<Error>() <= 16);
        let error = Error::from(Status::WantRead);
        assert_eq!(error.to_string(), Status::WantRead.phrase());
        assert!(error.is_want() && error.os_error().is_none());
        let error = error.with_source(io::Error::from_raw_os_error(11));
        assert!(error.is_want() && std::error::Error::source(&error).is_some());
    }

    #[test]
    fn io_error_keeps_errno_and_source() {
        let error = Error::io("cannot send", io::Error::from_raw_os_error(32));
        assert_eq!(error.os_error(), Some(32));
        assert_eq!(error.to_string(), "cannot send: Broken pipe (os error 32)");
        assert!(std::error::Error::source(&error).is_some());
    }
}
