"""The authority of one user, kept in a folder."""

from __future__ import annotations

import os
from contextlib import contextmanager

from ._errors import config_error, make_folder, shown_path
from ._sources import load_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._authority import CA
    from ._errors import ConfigError
    from ._sources import StrPath

CERTIFICATE = "ca.pem"
KEY = "ca-key.pem"


def folder() -> str:
    """Where the authority of this user is: $TLSMITH_CA, or "tlsmith" in the
    user's data folder of the XDG specification."""
    named = os.environ.get("TLSMITH_CA")
    if named:
        return os.path.expanduser(named)
    data = os.environ.get("XDG_DATA_HOME", "")
    # What is not absolute does not count, the specification says.
    if not os.path.isabs(data):
        data = os.path.expanduser("~/.local/share")
    return os.path.join(data, "tlsmith")


def load_or_create(cls: type[CA], directory: StrPath | None) -> CA:
    """What CA.local() says."""
    directory = folder() if directory is None else os.fspath(directory)
    cert, key = (os.path.join(directory, name) for name in (CERTIFICATE, KEY))
    with alone(directory):
        if os.path.exists(cert):
            if not os.path.exists(key):
                raise config_error(
                    f"{shown_path(cert) or CERTIFICATE} is there, and its key "
                    f"{shown_path(key) or KEY} is not: put it back, "
                    "or remove the certificate for a new authority",
                    "config.file",
                )
            return _placed(cls.load(cert, key), directory)
        # A key without a certificate is what a crash between the two leaves.
        left = load_key(key) if os.path.exists(key) else "ecdsa-p256"
        ca = cls(organization=owner(), key=left)
        ca._native.save(cert, key)
        return _placed(ca, directory)


def _placed(ca: CA, directory: str) -> CA:
    ca._folder = os.path.abspath(directory)
    return ca


@contextmanager
def alone(directory: str) -> Iterator[None]:
    """Hold the folder, which is made if need be, against other processes."""
    import fcntl

    make_folder(directory, 0o700, " of the local authority")
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
    named = shown_path(directory) or "a folder whose path looks like a key"
    sentence = f"cannot use {named} for the local authority: {error.strerror}"
    return config_error(sentence, "config.file")


_LONGEST_ORGANIZATION = 64


def owner() -> str:
    """Whose it is, for people who find it in a store: "alice@laptop"."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:_LONGEST_ORGANIZATION]
