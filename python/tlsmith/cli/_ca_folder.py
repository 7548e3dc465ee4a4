"""The folder of the local CA, and the CRL in it.

The latest CRL, "ca.crl", is the only record of the revoked certificates.  It is read,
changed and written while the folder is locked, so that concurrent commands lose nothing.
"""

from __future__ import annotations

import os
import time

from .. import _local_ca
from .._ca import CA
from .._loading import load_crls
from ._arguments import Failure, Parser
from ._files import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._tlsmith import CRL

CRL_NAME = "ca.crl"


def add_folder(parser: Parser) -> None:
    """Add --ca-dir."""
    parser.add_argument(
        "--ca-dir",
        metavar="DIR",
        default=_local_ca.folder(),
        help="the folder of the local CA; default %(default)s; $TLSMITH_CA changes it",
    )


def certificate_file(directory: str) -> str:
    """Return the path of its certificate."""
    return os.path.join(directory, _local_ca.CERTIFICATE)


def key_file(directory: str) -> str:
    """Return the path of its private key."""
    return os.path.join(directory, _local_ca.KEY)


def crl_file(directory: str) -> str:
    """Return the path of its latest CRL."""
    return os.path.join(directory, CRL_NAME)


def folder_files(directory: str) -> tuple[str, str, str]:
    """Return the files of the CA, which no command overwrites as an output."""
    return certificate_file(directory), key_file(directory), crl_file(directory)


def existing(directory: str) -> CA:
    """Load the CA of a folder; Failure if there is none."""
    if not os.path.exists(certificate_file(directory)):
        raise Failure(
            f"there is no CA in '{directory}' yet: create one with 'tlsmith ca init'", "no_ca"
        )
    return CA.local(directory)


def latest_crl(directory: str, ca: CA) -> CRL | None:
    """Load the CRL; None if no certificate was ever revoked."""
    path = crl_file(directory)
    if not os.path.exists(path):
        return None
    crl = load_crls(path)[0]
    if crl.issuer != ca.cert.subject:
        raise Failure(
            f"the CRL '{path}' was issued by '{crl.issuer}', and not by the CA in this folder, "
            f"'{ca.cert.subject}': move it away",
            "foreign_crl",
        )
    return crl


def update_crl(
    directory: str, ca: CA, *, valid: str, change: Callable[[CA], object] | None = None
) -> CRL:
    """Sign a new CRL, with the revocations that `change` adds, and write it."""
    with _local_ca.locked(directory):
        latest = latest_crl(directory, ca)
        number = time.time_ns() // 1000
        if latest is not None:
            for serial, since, reason in latest:
                ca.revoke(serial, reason=reason or "unspecified", at=since)
            number = max(number, (latest.number or 0) + 1)
        if change is not None:
            change(ca)
        crl = ca.crl(valid=valid, number=number)
        write([(crl_file(directory), crl.pem, False)])
    return crl
