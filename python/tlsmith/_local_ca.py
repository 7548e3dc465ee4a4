"""CA.local(): the CA of one user, stored in a folder."""

from __future__ import annotations

import os
from contextlib import contextmanager

from ._errors import config_error, make_folder, quote_path
from ._loading import load_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._ca import CA
    from ._errors import ConfigError
    from ._loading import StrPath

CERTIFICATE = "ca.pem"
KEY = "ca-key.pem"


def folder() -> str:
    """Return the folder of this user's CA: $TLSMITH_CA, or "tlsmith" in the user's data
    folder (XDG base directory specification)."""
    named = os.environ.get("TLSMITH_CA")
    if named:
        return os.path.expanduser(named)
    data = os.environ.get("XDG_DATA_HOME", "")
    # The specification ignores relative paths.
    if not os.path.isabs(data):
        data = os.path.expanduser("~/.local/share")
    return os.path.join(data, "tlsmith")


def load_or_create(cls: type[CA], directory: StrPath | None) -> CA:
    """Implement CA.local()."""
    directory = folder() if directory is None else os.fspath(directory)
    cert, key = (os.path.join(directory, name) for name in (CERTIFICATE, KEY))
    with locked(directory):
        if os.path.exists(cert):
            if not os.path.exists(key):
                raise config_error(
                    f"{quote_path(cert) or CERTIFICATE} exists, but its key "
                    f"{quote_path(key) or KEY} does not: "
                    "restore it, or remove the certificate to create a new CA",
                    "config.file",
                )
            return _in_folder(cls.load(cert, key), directory)
        # After a crash between the two writes there is a key without a certificate.
        ca_key = load_key(key) if os.path.exists(key) else "ecdsa-p256"
        ca = cls(organization=owner(), key=ca_key)
        ca._native.save(cert, key)
        return _in_folder(ca, directory)


def _in_folder(ca: CA, directory: str) -> CA:
    ca._folder = os.path.abspath(directory)
    return ca


@contextmanager
def locked(directory: str) -> Iterator[None]:
    """Lock the folder against other processes, after creating it if necessary."""
    import fcntl

    make_folder(directory, 0o700, " of the local CA")
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise _unusable(directory, error) from error
        yield
    finally:
        os.close(descriptor)


def _unusable(directory: str, error: OSError) -> ConfigError:
    named = quote_path(directory) or "a folder whose path looks like a key"
    sentence = f"cannot use {named} for the local CA: {error.strerror}"
    return config_error(sentence, "config.file")


_MAX_ORGANIZATION = 64


def owner() -> str:
    """Return "alice@laptop", so that people recognize the CA in a trust store."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:_MAX_ORGANIZATION]
