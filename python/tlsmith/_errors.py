"""The exceptions.  All are OSErrors, so that networking code catches them.

str() of each is one sentence: what failed, with the value, why, and what to do.  `code` is
a stable string for programs, such as "verify.expired".
"""

from __future__ import annotations

import os

from ._tlsmith import may_be_secret, one_line, quoted, quoted_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._tlsmith import Certificate


class InsecureWarning(UserWarning):
    """A configuration does not authenticate the peer."""


class Error(OSError):
    """The base class of all errors.  `errno` is set if a system call failed, else None.

    Errors of the network and of the system are also the builtin exceptions for them:
    ConnectionResetError, ConnectionRefusedError, ConnectionAbortedError, BrokenPipeError,
    TimeoutError, FileNotFoundError, PermissionError, and socket.gaierror if a host
    name cannot be resolved.
    """

    code: str = "internal"
    """A stable string for programs, such as "io" or "verify.expired"."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class ConfigError(Error, ValueError):
    """An argument, a file or a combination of settings is invalid."""


class CertError(Error, ValueError):
    """A certificate or key cannot be parsed, or may not be issued."""


class HandshakeError(Error):
    """The handshake failed, or the peer violated the protocol."""

    ech_retry_configs: bytes | None = None
    """The ECHConfigList that the server sent when it rejected ECH, for one more attempt
    with `replace(ech=...)` (RFC 9849, section 6.1.6).

    None for other errors.  If `code` is "handshake.ech_rejected" and this is None,
    the server has disabled ECH.
    """


class VerifyError(HandshakeError):
    """Verification of the peer's certificate failed."""

    hostname: str | None = None
    """The name that was verified."""

    chain: tuple[Certificate, ...] = ()
    """The certificates as the peer sent them, the end-entity certificate first."""

    @property
    def reason(self) -> str:
        """Why verification failed: "expired", "not_yet_valid", "unknown_issuer",
        "name_mismatch", "revoked", "unknown_revocation", "wrong_usage",
        "bad_signature", "constraint", "pin_mismatch", ..."""
        return self.code.partition(".")[2]

    @property
    def verify_code(self) -> int:
        """OpenSSL's number for the reason, X509_V_ERR_..."""
        if self.reason == "unknown_issuer" and self.chain:
            first, last = self.chain[0], self.chain[-1]
            if first.subject == first.issuer:
                return _SELF_SIGNED
            if last.subject == last.issuer:
                return _SELF_SIGNED_IN_CHAIN
        if self.reason == "name_mismatch" and _is_address(self.hostname):
            return _ADDRESS_MISMATCH
        return _VERIFY_CODES.get(self.reason, _UNSPECIFIED)


_UNSPECIFIED, _SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, _ADDRESS_MISMATCH = 1, 18, 19, 64
_VERIFY_CODES = {
    "unknown_revocation": 3,
    "bad_signature": 7,
    "not_yet_valid": 9,
    "expired": 10,
    "unknown_issuer": 20,
    "revoked": 23,
    "wrong_usage": 26,
    "path_too_long": 25,
    "unsupported_extension": 34,
    "constraint": 47,
    "refused": 50,
    "pin_mismatch": 50,
    "name_mismatch": 62,
    "weak_key": 66,
    "unsupported_key": 66,
    "not_an_end_entity": 79,
    "not_a_ca": 79,
}


def _is_address(name: str | None) -> bool:
    return name is not None and (":" in name or name.replace(".", "").isdigit())


class AlertError(HandshakeError):
    """The peer sent a fatal alert (RFC 8446, section 6)."""

    alert_number: int = -1

    @property
    def alert(self) -> str:
        """Its name, such as "unknown_ca", or its number if it has no name."""
        return self.code.partition(".")[2]


class TruncatedError(Error, ConnectionError):
    """The connection ended without close_notify: data may be missing."""

    code = "truncated"


class TimedOut(Error, TimeoutError):
    """A time limit expired."""

    code = "timeout"


class WantRead(Error, BlockingIOError):
    """Call again when the socket is readable."""

    code = "want_read"


class WantWrite(Error, BlockingIOError):
    """Call again when the socket is writable."""

    code = "want_write"


class ResetError(Error, ConnectionResetError):
    """The peer reset the connection (ECONNRESET)."""


class RefusedError(Error, ConnectionRefusedError):
    """The connection was refused (ECONNREFUSED)."""


class AbortedError(Error, ConnectionAbortedError):
    """The connection was aborted (ECONNABORTED)."""


class PipeError(Error, BrokenPipeError):
    """The connection is closed for writing (EPIPE)."""


class MissingError(Error, FileNotFoundError):
    """The Unix socket does not exist (ENOENT)."""


class ForbiddenError(Error, PermissionError):
    """The system denied permission (EACCES, EPERM)."""


_OF_SYSTEM: dict[type[OSError], type[Error]] = {
    TimeoutError: TimedOut,
    ConnectionResetError: ResetError,
    ConnectionRefusedError: RefusedError,
    ConnectionAbortedError: AbortedError,
    BrokenPipeError: PipeError,
    FileNotFoundError: MissingError,
    PermissionError: ForbiddenError,
}
"""Our class for each builtin exception."""


def __getattr__(name: str) -> object:
    # Importing the socket module takes longer than all the rest.
    if name == "ResolveError":
        return _resolver_kind()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _resolver_kind() -> type[Error]:
    """Create ResolveError on first use, since its base class needs the module socket."""
    import socket

    class ResolveError(Error, socket.gaierror):
        """A host name cannot be resolved.  `errno` is the resolver's, socket.EAI_..."""

        code = "resolve"

    # pickle looks for the class at the top of the module.
    ResolveError.__qualname__ = ResolveError.__name__
    kind: type[Error] = globals().setdefault(ResolveError.__name__, ResolveError)
    return kind


def _of_system(errno: int) -> type[Error]:
    """Return the class for a failed system call, by the mapping of OSError."""
    return _OF_SYSTEM.get(type(OSError(errno, "")), Error)


def build(
    kind: str,
    code: str,
    sentence: str,
    *,
    errno: int | None,
    alert_number: int | None,
    hostname: str | None,
    ech_retry_configs: bytes | None,
    chain: tuple[Certificate, ...],
) -> Error:
    """Create the exception for an error of the extension, which calls this."""
    if code == "resolve":
        return _resolve_error(sentence, errno)
    make: type[Error] = globals()[kind]
    if make is Error and errno is not None:
        make = _of_system(errno)
    error = make(errno, sentence)
    error.code = TimedOut.code if make is TimedOut else code
    if isinstance(error, AlertError) and alert_number is not None:
        error.alert_number = alert_number
    if isinstance(error, HandshakeError):
        error.ech_retry_configs = ech_retry_configs
    if isinstance(error, VerifyError):
        error.hostname = hostname
        error.chain = chain
    return error


def config_error(sentence: str, code: str = "config.argument") -> ConfigError:
    """Create a ConfigError for Python code."""
    error = ConfigError(None, one_line(sentence))
    error.code = code
    return error


def make_folder(directory: str | os.PathLike[str], mode: int = 0o777, purpose: str = "") -> None:
    """Create a folder and its parents unless they exist.  The error states its `purpose`,
    such as " of the CA".

    Raises ConfigError.  Neither the error nor its cause quotes a path that looks like a
    private key.
    """
    try:
        os.makedirs(directory, mode=mode, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not a valid path"
        if isinstance(error, FileExistsError):
            why = "a file of that name exists"
        named = quote_path(directory)
        failure = config_error(
            f"cannot create the folder{purpose} {named or 'whose path looks like a key'}: {why}",
            "config.file",
        )
        if named is not None:
            raise failure from error
    else:
        return
    raise failure


def file_error(what: str, path: str | os.PathLike[str], why: str) -> ConfigError:
    """Create a ConfigError for a file; `what` failed, such as "cannot read".  A path that
    looks like a private key is not quoted."""
    named = quote_path(path)
    if named is None:
        sentence = (
            f"{what} a file: the text given as its path looks like PEM or a key, and no such "
            "file exists; give PEM as bytes, or as a str that begins with '-----BEGIN'"
        )
    else:
        sentence = f"{what} {named}: {why}"
    return config_error(sentence, "config.file")


def quote_path(path: str | os.PathLike[str]) -> str | None:
    """Quote a path for an error; None if it may be a private key."""
    try:
        return quoted_path(path)
    except (ValueError, TypeError):
        # It is not a valid path.
        return None


def quote(value: object) -> str:
    """Quote a value for an error: its repr(), but no bytes, and nothing that may be a
    private key."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    text = value if isinstance(value, str) else repr(value)
    if not isinstance(value, str) and ("b'" in text or 'b"' in text):
        return f"a {type(value).__name__} that holds bytes"
    return quoted(text) if may_be_secret(text) else one_line(repr(value))


def state_error(sentence: str) -> Error:
    """Create an Error, code "state", for Python code: the call is not valid now."""
    error = Error(None, one_line(sentence))
    error.code = "state"
    return error


def io_error(what: str, cause: OSError) -> Error:
    """Create an Error for a failed system call of Python code."""
    sentence = one_line(f"{what}: {cause.strerror or cause}")
    if _is_of_resolver(cause):
        return _resolve_error(sentence, cause.errno)
    kinds = (ours for builtin, ours in _OF_SYSTEM.items() if isinstance(cause, builtin))
    error = next(kinds, Error)(cause.errno, sentence)
    error.code = TimedOut.code if isinstance(error, TimedOut) else "io"
    return error


def _is_of_resolver(cause: OSError) -> bool:
    # A socket.gaierror can only exist if the module is imported.
    import sys

    socket = sys.modules.get("socket")
    return socket is not None and isinstance(cause, socket.gaierror)


def _resolve_error(sentence: str, errno: int | None) -> Error:
    import socket

    number = socket.EAI_NONAME if errno is None else errno
    return (globals().get("ResolveError") or _resolver_kind())(number, sentence)
