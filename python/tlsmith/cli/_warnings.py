"""Warnings about certificates that some or all clients will reject."""

from __future__ import annotations

import sys
from datetime import timedelta

from ._output import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._tlsmith import Certificate

# Apple: "Requirements for trusted certificates in iOS 13 and macOS 10.15"
# (HT210176), for every root, and "About upcoming limits on trusted certificates"
# (HT211025), for the roots of the system.  The latter is also the limit of Chrome and of
# the CA/Browser Forum's Baseline Requirements, 6.3.2.
_MAX = timedelta(days=825)
_MAX_PUBLIC = timedelta(days=398)


def warn(verb: str, warnings: Iterable[str]) -> None:
    """Print each warning to standard error, on a line of its own."""
    for warning in warnings:
        print(f"tlsmith {verb}: warning: {printable(warning)}", file=sys.stderr)


def name_warnings(names: Iterable[str]) -> list[str]:
    """Return warnings about names that match no host."""
    return [
        f"'{name}' matches no host: browsers, OpenSSL and tlsmith accept a wildcard only "
        "below two labels, such as '*.example.test'"
        for name in names
        if name.startswith("*.") and "." not in name[2:]
    ]


def certificate_warnings(cert: Certificate) -> list[str]:
    """Return warnings about a server certificate."""
    if cert.is_ca or "serverAuth" not in cert.extended_key_usage:
        return []
    found = name_warnings(cert.names)
    if not cert.names:
        found.append(
            "the certificate has no subject alternative name, so browsers reject it for every "
            "host: name the host with --name"
        )
    length = cert.not_after - cert.not_before
    if length > _MAX:
        found.append(
            f"the certificate is valid for {length.days} days: Apple's systems reject server "
            "certificates of more than 825 days, even from roots that the user installed"
        )
    elif length > _MAX_PUBLIC:
        found.append(
            f"the certificate is valid for {length.days} days: browsers reject more than 398 "
            "days, except from roots that the user installed"
        )
    return found
