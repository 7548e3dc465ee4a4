"""Adding a CA to the trust stores of this computer, and removing it."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from collections import namedtuple

from ._errors import ConfigError, config_error, quote, quote_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal, TypeAlias

    from . import _tlsmith
    from ._loading import StrPath

    Store: TypeAlias = Literal["system", "nss", "java"]


class _Change(namedtuple("_Change", ["store", "make"])):
    """One store, and the function that changes it and returns whether it did."""

    __slots__ = ()


def install(
    root: _tlsmith.Certificate,
    stores: Sequence[Store],
    *,
    prefix: StrPath = "/",
    profiles: Sequence[StrPath] | None = None,
) -> list[str]:
    """Implement CA.install()."""
    changes = _changes(stores, prefix, profiles)
    return [change.store for change in changes if change.make(root, True)]


def uninstall(
    root: _tlsmith.Certificate,
    stores: Sequence[Store],
    *,
    prefix: StrPath = "/",
    profiles: Sequence[StrPath] | None = None,
) -> list[str]:
    """Implement CA.uninstall()."""
    changes = _changes(stores, prefix, profiles)
    return [change.store for change in changes if change.make(root, False)]


def _changes(
    stores: Sequence[Store], prefix: StrPath, profiles: Sequence[StrPath] | None
) -> list[_Change]:
    """Return the changes of all stores, after checking that their tools exist."""
    if isinstance(stores, str):
        raise TypeError(f"stores must be a sequence: write [{quote(stores)}]")
    found: list[_Change] = []
    for store in stores:
        if store == "system":
            found.append(_system(os.fspath(prefix)))
        elif store == "nss":
            found += _nss(profiles)
        elif store == "java":
            found.append(_java())
        else:
            raise config_error(f'stores has {quote(store)}: use "system", "nss" or "java"')
    return found


def _label(root: _tlsmith.Certificate) -> str:
    """Return its name in a store, which no other CA has."""
    return f"tlsmith-{root.sha256.hex()[:16]}"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _require(command: list[str], what: str) -> None:
    """Run a tool; ConfigError if it fails."""
    done = _run(command)
    if done.returncode:
        output = (done.stderr.strip() or done.stdout.strip()).splitlines()
        why = output[-1] if output else f"exit status {done.returncode}"
        sentence = f"cannot change {what}: '{' '.join(command)}' failed: {why}"
        raise config_error(sentence, "config.file")


def _tool(name: str, packages: str) -> str:
    path = shutil.which(name)
    if path is None:
        # System tools are here, which a user's PATH may leave out.
        path = shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        raise config_error(f"'{name}' was not found: {packages}")
    return path


# The system's store: a folder of trust anchors, and a tool that reads it.


class _Layout(namedtuple("_Layout", ["anchors", "suffix", "tool", "packages"])):
    """How a Linux distribution stores trust anchors.

    anchors   the folder
    suffix    the ending of the files in it
    tool      the command that applies them
    packages  how to install the tool
    """

    __slots__ = ()


_DEBIAN = _Layout(
    "usr/local/share/ca-certificates",
    ".crt",
    ["update-ca-certificates"],
    "'apt-get install ca-certificates' installs it",
)
_LAYOUTS = (
    _Layout(
        "etc/pki/ca-trust/source/anchors",
        ".pem",
        ["update-ca-trust", "extract"],
        "'dnf install ca-certificates' installs it",
    ),
    _Layout(
        "etc/ca-certificates/trust-source/anchors",
        ".crt",
        ["trust", "extract-compat"],
        "'pacman -S p11-kit' installs it",
    ),
    _Layout(
        "usr/share/pki/trust/anchors",
        ".pem",
        ["update-ca-certificates"],
        "'zypper install ca-certificates' installs it",
    ),
    _DEBIAN,
)


def _system(prefix: str) -> _Change:
    present = [one for one in _LAYOUTS if os.path.isdir(os.path.join(prefix, one.anchors))]
    if not present:
        folders = ", ".join(f"'{os.path.join(prefix, one.anchors)}'" for one in _LAYOUTS)
        raise config_error(
            f"this system has no known trust store: none of {folders} exists", "config.file"
        )
    layout = present[0]
    tool = [_tool(layout.tool[0], layout.packages), *layout.tool[1:]]
    anchors = os.path.join(prefix, layout.anchors)

    def change(root: _tlsmith.Certificate, wanted: bool) -> bool:
        anchor = os.path.join(anchors, _label(root) + layout.suffix)
        if os.path.exists(anchor) == wanted:
            return False
        command = tool + _elsewhere(layout, prefix)
        try:
            if wanted:
                root.save(anchor)
            else:
                os.remove(anchor)
                command += ["--fresh"] if layout is _DEBIAN else []
        except OSError as error:
            raise _not_allowed(error, anchor, layout, wanted) from error
        try:
            _require(command, "the trust store of the system")
        except ConfigError:
            # Otherwise a later run of the tool would add it.
            if wanted:
                os.remove(anchor)
            raise
        return True

    return _Change("system", change)


def _elsewhere(layout: _Layout, prefix: str) -> list[str]:
    """Return the options of Debian's tool for a root other than "/"."""
    if layout is not _DEBIAN or os.path.realpath(prefix) == "/":
        return []
    places = {
        "--certsconf": "etc/ca-certificates.conf",
        "--certsdir": "usr/share/ca-certificates",
        "--localcertsdir": "usr/local/share/ca-certificates",
        "--etccertsdir": "etc/ssl/certs",
        "--hooksdir": "etc/ca-certificates/update.d",
    }
    return [part for name, path in places.items() for part in (name, os.path.join(prefix, path))]


def _not_allowed(error: OSError, anchor: str, layout: _Layout, wanted: bool) -> ConfigError:
    action = f"cp CA.pem {anchor}" if wanted else f"rm {anchor}"
    return config_error(
        f"cannot {'write' if wanted else 'remove'} '{anchor}': "
        f"{os.strerror(error.errno or 0)}: run it as root, or "
        f"'sudo {action} && sudo {' '.join(layout.tool)}'",
        "config.file",
    )


# NSS: the stores of Firefox, Chromium and others, one for each profile.

_PROFILES = (
    "~/.pki/nssdb",
    "~/snap/chromium/current/.pki/nssdb",
    "~/.mozilla/firefox/*",
    "~/.config/mozilla/firefox/*",
    "~/snap/firefox/common/.mozilla/firefox/*",
    "~/.var/app/org.mozilla.firefox/.mozilla/firefox/*",
)


_BROWSERS_ACCEPT = ("ecdsa-", "rsa-")


def refused_by_browsers(root: _tlsmith.Certificate) -> str | None:
    """Return why browsers reject certificates of this CA even if its root is in their
    stores; None if they accept them."""
    if root.key_type.startswith(_BROWSERS_ACCEPT):
        return None
    return (
        f"browsers will reject certificates that '{root.subject}' issues: its key is "
        f"{root.key_type}, and they accept ECDSA (ecdsa-p256, ecdsa-p384) and RSA keys only"
    )


def has_nss() -> bool:
    """Return whether this user has an NSS database."""
    return any(True for _ in _databases(None))


def _databases(profiles: Sequence[StrPath] | None) -> Iterator[str]:
    """Yield the profiles with an NSS database: those given, or those of this user."""
    if profiles is None:
        patterns = [os.path.expanduser(pattern) for pattern in _PROFILES]
        folders = [folder for pattern in patterns for folder in sorted(glob.glob(pattern))]
    else:
        folders = [os.fspath(folder) for folder in profiles]
    for folder in folders:
        if os.path.exists(os.path.join(folder, "cert9.db")):
            yield folder
        elif profiles is not None:
            named = quote_path(folder)
            example = folder if named else "FOLDER"
            raise config_error(
                f"{named or 'a folder whose path looks like a key'} has no NSS database: create "
                f"one with 'certutil -N --empty-password -d sql:{example}'",
                "config.file",
            )


def _nss(profiles: Sequence[StrPath] | None) -> list[_Change]:
    folders = list(_databases(profiles))
    if not folders:
        return []
    packages = "'apt-get install libnss3-tools' or 'dnf install nss-tools' installs it"
    certutil = _tool("certutil", packages)
    return [_Change(f"nss:{folder}", _nss_change(certutil, folder)) for folder in folders]


def _nss_change(certutil: str, folder: str) -> Callable[[_tlsmith.Certificate, bool], bool]:
    def change(root: _tlsmith.Certificate, wanted: bool) -> bool:
        database = ["-d", f"sql:{folder}", "-n", _label(root)]
        is_there = _run([certutil, "-L", *database]).returncode == 0
        if is_there == wanted:
            return False
        what = f"the NSS database in '{folder}'"
        if not wanted:
            _require([certutil, "-D", *database], what)
            return True
        with _file(root) as path:
            try:
                _require([certutil, "-A", *database, "-t", "C,,", "-i", path], what)
            except ConfigError as error:
                # For unsupported keys, NSS only says that it failed.
                reason = refused_by_browsers(root)
                if reason is None:
                    raise
                raise config_error(f"{reason}. {error}", error.code) from error
        return True

    return change


class _file:
    """The certificate in a temporary file, for the duration of a `with` block."""

    def __init__(self, root: _tlsmith.Certificate) -> None:
        import tempfile

        self._folder = tempfile.TemporaryDirectory(prefix="tlsmith-")
        self._path = os.path.join(self._folder.name, "ca.pem")
        root.save(self._path)

    def __enter__(self) -> str:
        return self._path

    def __exit__(self, *_exception: object) -> None:
        self._folder.cleanup()


# Java: a keystore, under a password that everybody knows.


def _java() -> _Change:
    home = os.environ.get("JAVA_HOME")
    store = ["-cacerts"] if not home else ["-keystore", _keystore(home)]
    own = os.path.join(home or "", "bin/keytool")
    if home and os.access(own, os.X_OK):
        keytool = own
    else:
        keytool = _tool("keytool", "'apt-get install default-jre-headless' installs it")

    def change(root: _tlsmith.Certificate, wanted: bool) -> bool:
        entry = [*store, "-storepass", "changeit", "-alias", _label(root)]
        is_there = _run([keytool, "-list", *entry]).returncode == 0
        if is_there == wanted:
            return False
        if not wanted:
            _require([keytool, "-delete", *entry], "Java's keystore")
            return True
        with _file(root) as path:
            command = [keytool, "-importcert", "-noprompt", *entry, "-file", path]
            _require(command, "Java's keystore")
        return True

    return _Change("java", change)


def _keystore(home: str) -> str:
    """Return the path of the keystore, in Java 8 or later."""
    places = ("lib/security/cacerts", "jre/lib/security/cacerts")
    paths = [os.path.join(home, place) for place in places]
    found = next((path for path in paths if os.path.exists(path)), None)
    if found is None:
        raise config_error(
            f"JAVA_HOME is {quote(home)}, which has no '{places[0]}': use that of a Java",
            "config.file",
        )
    return found
