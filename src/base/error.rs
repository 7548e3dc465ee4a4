//! The error type of the whole library: a [`Status`] for programs, a sentence for people,
//! and the cause, if there is one.
//!
//! The codes are grouped by what the caller does next: call again, fix the call, check the
//! network, check the peer's certificate, check a file.  They are the same in Rust, C and
//! Python.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::base::text;

/// The result of every fallible call of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed, for programs.
///
/// The numbers are those of `tlsmith_status` in C.  They are never reused, and new ones are
/// added only at the end of a group.
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
    /// Not allowed in the current state.
    State = -4,
    /// Not supported by this build or system.
    Unsupported = -5,
    /// A bug in this library.
    Internal = -6,
    /// A system call failed: see [`Error::os_error`].
    Io = -10,
    /// The host name has no address.
    Resolve = -11,
    /// The time limit expired.
    Timeout = -12,
    /// The transport ended without a close_notify alert: data may be missing.
    Truncated = -13,
    /// The peer's data is invalid or exceeds a limit.
    Protocol = -20,
    /// The peer sent a fatal alert: see [`Error::alert`].
    Alert = -21,
    /// The peers have no version, cipher suite, group or ALPN protocol in common, or the
    /// application refused the client.
    NoCommon = -22,
    /// The certificate is rejected, for a reason without a code of its own.
    Certificate = -30,
    /// The certificate does not chain to a trusted root.
    CertificateUnknownIssuer = -31,
    /// The certificate is for another name.
    CertificateNameMismatch = -32,
    /// A certificate in the chain has expired.
    CertificateExpired = -33,
    /// A certificate in the chain is not valid yet.
    CertificateNotYetValid = -34,
    /// A CRL lists a certificate in the chain.
    CertificateRevoked = -35,
    /// No current CRL covers a certificate in the chain.
    CertificateUnknownRevocation = -36,
    /// The peer sent no certificate, and one is required.
    CertificateMissing = -37,
    /// The application refused the certificate.
    CertificateRefused = -38,
    /// None of the pinned keys is in the verified chain.
    CertificatePinMismatch = -39,
    /// The application refused the stapled OCSP response, or requires one that is missing.
    CertificateOcsp = -40,
    /// The key usage or extended key usage of the certificate does not allow this use.
    CertificateWrongUsage = -41,
    /// A CA certificate is used as an end-entity certificate.
    CertificateNotAnEndEntity = -42,
    /// The issuer of a certificate in the chain is not a CA, or may not sign certificates.
    CertificateNotACa = -43,
    /// A name constraint or a policy of the chain forbids the certificate.
    CertificateConstraint = -44,
    /// The chain has more CAs than a CA or the context allows.
    CertificatePathTooLong = -45,
    /// A key or a signature in the chain is too weak.
    CertificateWeakKey = -46,
    /// A signature in the chain or over the handshake is wrong, or its algorithm is not
    /// accepted.
    CertificateBadSignature = -47,
    /// The key of a certificate is of an unsupported type.
    CertificateUnsupportedKey = -48,
    /// A certificate has an unsupported critical extension.
    CertificateUnsupportedExtension = -49,
    /// A certificate does not parse, or violates RFC 5280.
    CertificateMalformed = -50,
    /// A file cannot be read or written.
    File = -60,
    /// PEM or DER that does not parse.
    Parse = -61,
    /// The private key does not belong to the certificate.
    KeyMismatch = -62,
    /// The CA may not issue this certificate.
    Issue = -63,
}

impl Status {
    /// Every status, in numerical order.
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

    /// Returns its number in C.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// Returns the status with this number, if there is one.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// Returns a short phrase, for logs that have only the code.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::WantRead => "call again when the transport is readable",
            Self::WantWrite => "call again when the transport is writable",
            Self::Argument => "invalid argument",
            Self::State => "not allowed in the current state",
            Self::Unsupported => "not supported by this build or system",
            Self::Internal => "internal error: please report it",
            Self::Io => "a system call failed",
            Self::Resolve => "the host name has no address",
            Self::Timeout => "the time limit expired",
            Self::Truncated => "the connection ended without close_notify",
            Self::Protocol => "the peer's data is invalid or exceeds a limit",
            Self::Alert => "the peer sent an alert",
            Self::NoCommon => "no version, cipher suite, group or ALPN protocol in common",
            Self::Certificate => "certificate rejected",
            Self::CertificateUnknownIssuer => "certificate does not chain to a trusted root",
            Self::CertificateNameMismatch => "certificate is for another name",
            Self::CertificateExpired => "certificate is expired",
            Self::CertificateNotYetValid => "certificate is not valid yet",
            Self::CertificateRevoked => "certificate is revoked",
            Self::CertificateUnknownRevocation => "no current CRL covers the certificate",
            Self::CertificateMissing => "the peer sent no certificate",
            Self::CertificateRefused => "certificate refused by the application",
            Self::CertificatePinMismatch => "none of the pinned keys is in the verified chain",
            Self::CertificateOcsp => "certificate without an acceptable OCSP response",
            Self::CertificateWrongUsage => "certificate is not for this use",
            Self::CertificateNotAnEndEntity => {
                "CA certificate in place of an end-entity certificate"
            }
            Self::CertificateNotACa => "certificate was issued by a certificate that is not a CA",
            Self::CertificateConstraint => {
                "certificate is forbidden by a name constraint or a policy"
            }
            Self::CertificatePathTooLong => "more CAs in the chain than allowed",
            Self::CertificateWeakKey => "certificate has a key or signature that is too weak",
            Self::CertificateBadSignature => "a signature does not verify",
            Self::CertificateUnsupportedKey => "certificate has a key of an unsupported type",
            Self::CertificateUnsupportedExtension => {
                "certificate has a critical extension that is not supported"
            }
            Self::CertificateMalformed => "certificate is malformed",
            Self::File => "a file cannot be read or written",
            Self::Parse => "PEM or DER that does not parse",
            Self::KeyMismatch => "the private key does not belong to the certificate",
            Self::Issue => "the CA may not issue this certificate",
        }
    }
}

/// Why a call failed: a [`Status`] for programs, and a sentence for people that names the
/// values at fault and says what to do.
///
/// Cloning is cheap.  A failed connection keeps its error and returns it from every later
/// call.
#[derive(Clone, Debug)]
pub struct Error(Repr);

/// Small, because connections store errors.  A status without details needs no allocation,
/// which matters for calls that would block.
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
    /// With the ECHConfigList from the server.
    EchRejected(Option<Vec<u8>>),
}

impl Error {
    /// Creates an error.  Its sentence has no initial capital and no final period.
    ///
    /// [`text::one_line`] converts it to one line, so it may quote untrusted text.
    pub fn new(status: Status, message: impl Into<Cow<'static, str>>) -> Self {
        Self::detailed(status, message.into(), None, None)
    }

    /// Creates an error with [`Status::Argument`]: the caller passed an invalid value.
    pub fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::Argument, message)
    }

    /// Creates an error with [`Status::State`]: the object cannot do this now.
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

    /// Creates an error for a failed system call; `what` says what failed ("cannot send").
    pub fn io(what: impl fmt::Display, error: io::Error) -> Self {
        Self::system(Status::Io, what, error)
    }

    /// Creates an error for a file that could not be read or written; `what` says what
    /// failed ("cannot read the roots").  A path that looks like key material is not
    /// quoted.
    pub fn file(what: impl fmt::Display, path: &Path, error: io::Error) -> Self {
        match text::quoted_path(path) {
            Some(path) => Self::system(Status::File, format!("{what} {path}"), error),
            None => {
                let length = path.as_os_str().len();
                let what = format!(
                    "{what}: {length} bytes that look like PEM or a key were passed as its path: \
                     pass the name of a file, or pass PEM to the functions that take it from memory"
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

    /// Creates an error for a fatal alert with this number from the peer (RFC 8446, section
    /// 6).
    pub fn from_alert(status: Status, alert: u8, message: impl Into<Cow<'static, str>>) -> Self {
        Self::detailed(status, message.into(), Some(Detail::Alert(alert)), None)
    }

    /// Creates an error for a server that rejected ECH, with its ECHConfigList.
    pub(crate) fn ech_rejected(
        message: impl Into<Cow<'static, str>>,
        retry_configs: Option<Vec<u8>>,
    ) -> Self {
        let detail = Some(Detail::EchRejected(retry_configs));
        Self::detailed(Status::NoCommon, message.into(), detail, None)
    }

    /// Returns the error with a cause, which [`std::error::Error::source`] returns.
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

    /// Returns the error with a prefix: the file that it is about.
    pub(crate) fn about_file(self, path: &Path) -> Self {
        let sentence = format!("'{}': {self}", path.display());
        Self::new(self.status(), sentence).with_source(self)
    }

    /// Returns the error with the certificates that were rejected.
    pub(crate) fn with_chain(self, chain: Vec<CertificateDer<'static>>) -> Self {
        match self.0 {
            Repr::StatusOnly(_) => self,
            Repr::Detailed(detailed) => {
                let (detailed, chain) = (Arc::unwrap_or_clone(detailed), chain.into());
                Self(Repr::Detailed(Arc::new(Detailed { chain, ..detailed })))
            }
        }
    }

    /// Returns the code for programs.
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

    /// Returns the `errno` of the failed system call.
    pub fn os_error(&self) -> Option<i32> {
        match self.detail() {
            Some(Detail::OsError(errno)) => Some(*errno),
            _ => None,
        }
    }

    /// Returns the number of the alert that the peer sent.
    pub fn alert(&self) -> Option<u8> {
        match self.detail() {
            Some(Detail::Alert(alert)) => Some(*alert),
            _ => None,
        }
    }

    /// Returns whether the server rejected the client's encrypted ClientHello (ECH), and
    /// authenticated itself for the public name of the client's ECHConfigList (RFC 9849,
    /// section 6.1.6).
    pub fn is_ech_rejection(&self) -> bool {
        matches!(self.detail(), Some(Detail::EchRejected(_)))
    }

    /// Returns the ECHConfigList that the server sent when it rejected ECH.  Pass it to
    /// [`Context::set_ech`](crate::Context::set_ech) for one more attempt over a new
    /// transport.  `None` for other errors, and if the server sent none, which means that
    /// it has disabled ECH.
    pub fn ech_retry_configs(&self) -> Option<&[u8]> {
        match self.detail() {
            Some(Detail::EchRejected(configs)) => configs.as_deref(),
            _ => None,
        }
    }

    /// Returns the certificates that were rejected, as the peer presented them, its own
    /// first.
    pub(crate) fn chain_der(&self) -> &[CertificateDer<'static>] {
        match &self.0 {
            Repr::StatusOnly(_) => &[],
            Repr::Detailed(detailed) => &detailed.chain,
        }
    }

    /// Returns whether the call would have blocked, so that it must be repeated later.
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
    /// Creates an error without details beyond its status.
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
