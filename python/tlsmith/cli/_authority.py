"""The local authority, and the record of what it revoked.

The record is its latest CRL, "ca.crl" beside its certificate.  It is read,
changed and written while the folder is held, so that two commands at the same
time lose nothing.
"""

from __future__ import annotations

import os
import time

from .. import _local
from .._authority import CA
from .._sources import load_crls
from ._arguments import Failure, Parser
from ._files import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._tlsmith import CRL

RECORD = "ca.crl"


def add_folder(parser: Parser) -> None:
    """The argument that says which authority."""
    parser.add_argument(
        "--ca-dir",
        metavar="DIR",
        default=_local.folder(),
        help="the folder of the authority; by default %(default)s, which $TLSMITH_CA changes",
    )


def certificate_file(directory: str) -> str:
    """Where its certificate is."""
    return os.path.join(directory, _local.CERTIFICATE)


def key_file(directory: str) -> str:
    """Where its key is."""
    return os.path.join(directory, _local.KEY)


def record_file(directory: str) -> str:
    """Where its latest CRL is."""
    return os.path.join(directory, RECORD)


def folder_files(directory: str) -> tuple[str, str, str]:
    """The files that are the authority, which no verb replaces by another's."""
    return certificate_file(directory), key_file(directory), record_file(directory)


def existing(directory: str) -> CA:
    """The authority of a folder, which has one already."""
    if not os.path.exists(certificate_file(directory)):
        raise Failure(
            f"there is no authority in '{directory}' yet: `tlsmith ca init` makes one", "no_ca"
        )
    return CA.local(directory)


def latest_crl(directory: str, ca: CA) -> CRL | None:
    """The record, or None where it never revoked anything."""
    path = record_file(directory)
    if not os.path.exists(path):
        return None
    crl = load_crls(path)[0]
    if crl.issuer != ca.cert.subject:
        raise Failure(
            f"'{path}' is of '{crl.issuer}', and not of the authority beside it, "
            f"'{ca.cert.subject}': move it away",
            "foreign_crl",
        )
    return crl


def update_crl(
    directory: str, ca: CA, *, valid: str, change: Callable[[CA], object] | None = None
) -> CRL:
    """Have the authority revoke something more, and write its CRL."""
    with _local.alone(directory):
        latest = latest_crl(directory, ca)
        number = time.time_ns() // 1000
        if latest is not None:
            for serial, since, reason in latest:
                ca.revoke(serial, reason=reason or "unspecified", at=since)
            number = max(number, (latest.number or 0) + 1)
        if change is not None:
            change(ca)
        crl = ca.crl(valid=valid, number=number)
        write([(record_file(directory), crl.pem, False)])
    return crl
