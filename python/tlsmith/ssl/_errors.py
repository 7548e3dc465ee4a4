"""Translates tlsmith's exceptions to those of the standard library.

The translation is exact: some libraries look the class up in a dict, others read `args`,
`reason` or `verify_code`.  tlsmith's exception is the `__cause__`, and its sentence a note.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
import sys

from .. import _errors
from ._names import ALERTS, VERIFY_MESSAGES

# Patterns of tlsmith's sentences, and OpenSSL's reasons for them.
_REASONS = (
    ("no cipher suite in common", "NO_SHARED_CIPHER"),
    ("a server needs a certificate", "NO_SHARED_CIPHER"),
    ("no key exchange group in common", "NO_SUITABLE_KEY_SHARE"),
    ("no signature scheme in common", "NO_SUITABLE_SIGNATURE_ALGORITHM"),
    ("no version in common", "UNSUPPORTED_PROTOCOL"),
    ("no ALPN protocol in common", "NO_APPLICATION_PROTOCOL"),
    ("it sent '(GET|POST|HEAD|PUT) ", "HTTP_REQUEST"),
    ("it sent 'CONNE", "HTTPS_PROXY_REQUEST"),
    ("does not speak TLS", "WRONG_VERSION_NUMBER"),
    ("did not decrypt", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
    ("close_notify was sent", "PROTOCOL_IS_SHUTDOWN"),
    ("on their way: only", "BAD_LENGTH"),
    ("on their way: other", "BAD_WRITE_RETRY"),
    ("bytes after its close_notify", "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"),
    ("application data after close notify", "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"),
    ("the application refused the client", "CALLBACK_FAILED"),
    ("a record is longer than allowed", "PACKET_LENGTH_TOO_LONG"),
    # An invalid record type is usually plaintext, such as an HTTP response.
    (r"a record of type \d+, not", "WRONG_VERSION_NUMBER"),
    ("not a record of type application_data", "BAD_RECORD_TYPE"),
    ("the peer violated the TLS protocol", "UNEXPECTED_MESSAGE"),
)

# Before CPython's issue 115627 was fixed, a reset was an EOF error for readers, and recv()
# returned b"" as after close_notify.
_RESET_IS_EOF = sys.version_info < (3, 11, 9) or (3, 12) <= sys.version_info < (3, 12, 3)


_WAITS: dict[str, tuple[type[ssl.SSLError], int, str]] = {
    "read": (ssl.SSLWantReadError, 2, "The operation did not complete (read)"),
    "write": (ssl.SSLWantWriteError, 3, "The operation did not complete (write)"),
    "closed": (ssl.SSLZeroReturnError, 6, "TLS/SSL connection has been closed (EOF)"),
}
"""Exceptions that are not failures, without a reason and a library."""


def translate(error: _errors.Error | str, operation: str) -> OSError:
    """Return the standard library's exception for one of tlsmith's, which becomes its cause.
    "read" and "write" stand for an operation that would block, "closed" for a connection
    on which both sides have sent close_notify."""
    if isinstance(error, str):
        kind, number, text = _WAITS[error]
        waiting = kind(number, text)
        waiting.reason = waiting.library = None  # type: ignore[assignment]
        return waiting
    translated = _translate(error, operation)
    translated.__cause__ = error
    translated.add_note(str(error))
    return translated


def _translate(error: _errors.Error, operation: str) -> OSError:
    if isinstance(error, _errors.TimedOut):
        return TimeoutError(f"The {operation} operation timed out")
    if isinstance(error, _errors.TruncatedError):
        text = "EOF occurred in violation of protocol"
        return _ssl_error(ssl.SSLEOFError, 8, "UNEXPECTED_EOF_WHILE_READING", text)
    if isinstance(error, _errors.AlertError):
        reason = ALERTS.get(error.alert_number, f"UNKNOWN_ALERT_{error.alert_number}")
        return ssl_error(reason)
    if isinstance(error, _errors.VerifyError):
        if error.reason == "missing":
            return ssl_error("PEER_DID_NOT_RETURN_A_CERTIFICATE")
        return _verify_error(error)
    if error.errno == errno.ECONNRESET and operation == "read" and _RESET_IS_EOF:
        return ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol")
    if error.code == "io" and error.errno is not None:
        return OSError(error.errno, os.strerror(error.errno))
    sentence = str(error)
    for pattern, reason in _REASONS:
        if re.search(pattern, sentence):
            return ssl_error(reason)
    if "socket connection gone" in sentence or "is closed" in sentence:
        return plain_error("Underlying socket connection gone")
    return plain_error(sentence)


def plain_error(sentence: str) -> ssl.SSLError:
    """Create an SSLError that OpenSSL has no reason for."""
    error = ssl.SSLError(1, sentence)
    error.library, error.reason = "SSL", "OTHER"
    return error


def ssl_error(reason: str, text: str | None = None) -> ssl.SSLError:
    """Create an SSLError with a reason of OpenSSL."""
    return _ssl_error(ssl.SSLError, 1, reason, text)


def _ssl_error(
    kind: type[ssl.SSLError], number: int, reason: str, text: str | None
) -> ssl.SSLError:
    if text is None:
        text = reason.replace("_", " ").lower()
    error = kind(number, f"[SSL: {reason}] {text}")
    error.library, error.reason = "SSL", reason
    return error


def _verify_error(error: _errors.VerifyError) -> ssl.SSLCertVerificationError:
    code = error.verify_code
    message = VERIFY_MESSAGES.get(code, str(error)).format(error.hostname)
    text = f"certificate verify failed: {message}"
    kind = ssl.SSLCertVerificationError
    translated = _ssl_error(kind, 1, "CERTIFICATE_VERIFY_FAILED", text)
    assert isinstance(translated, kind)
    translated.verify_code, translated.verify_message = code, message
    return translated
