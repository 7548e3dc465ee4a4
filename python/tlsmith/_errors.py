"""The exceptions.  All are OSErrors, so that networking code catches them.

str() of each is one sentence with the values in it and what to do; `code` is a
stable string for programs, such as "verify.expired".
"""

from __future__ import annotations


class InsecureWarning(UserWarning):
    """Something was set up that does not authenticate its peer."""


class Error(OSError):
    """Any failure.  `errno` is set where a system call failed, else None."""

    code: str = "internal"
    """A stable string for programs, such as "io" or "verify.expired"."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class ConfigError(Error, ValueError):
    """What the program asked for cannot be: a value, a file, a combination."""


class CertError(Error, ValueError):
    """A certificate or a key does not parse, or may not be issued."""


class HandshakeError(Error):
    """The peers cannot talk, or one of them broke the protocol."""


class VerifyError(HandshakeError):
    """The peer's certificate was refused."""

    hostname: str | None = None
    """The name that it was checked for."""

    @property
    def reason(self) -> str:
        """What is wrong: "expired", "not_yet_valid", "unknown_issuer",
        "name_mismatch", "revoked", "unknown_revocation", "wrong_usage",
        "bad_signature", "constraint", "pin_mismatch", ..."""
        return self.code.partition(".")[2]


class AlertError(HandshakeError):
    """The peer sent a fatal alert (RFC 8446, section 6)."""

    alert_number: int = -1

    @property
    def alert(self) -> str:
        """Its name, such as "unknown_ca"; its number where it has none."""
        return self.code.partition(".")[2]


class TruncatedError(Error, ConnectionError):
    """The connection ended without close_notify: data may be missing."""


class TimedOut(Error, TimeoutError):
    """The time limit passed."""


class WantRead(Error, BlockingIOError):
    """Call again when the socket is readable."""


class WantWrite(Error, BlockingIOError):
    """Call again when the socket is writable."""


def build(
    kind: str,
    code: str,
    sentence: str,
    *,
    errno: int | None,
    alert_number: int | None,
    hostname: str | None,
) -> Error:
    """The exception for an error of the extension, which calls this."""
    error: Error = globals()[kind](errno, sentence)
    error.code = code
    if isinstance(error, AlertError) and alert_number is not None:
        error.alert_number = alert_number
    if isinstance(error, VerifyError):
        error.hostname = hostname
    return error


def config_error(sentence: str, code: str = "config.argument") -> ConfigError:
    """A ConfigError that Python code found."""
    error = ConfigError(None, sentence)
    error.code = code
    return error


def state_error(sentence: str) -> Error:
    """An Error that Python code found: what was asked for needs what is not there."""
    error = Error(None, sentence)
    error.code = "state"
    return error
