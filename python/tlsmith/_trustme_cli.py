"""The command of the package trustme: python -m tlsmith.trustme."""

from __future__ import annotations

import argparse
import datetime
import os

from . import _tlsmith
from .trustme import CA, KeyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Create a CA and a certificate: server.key (mode 0600) and server.pem for the server,
    and client.pem, the root, for clients.  Raises ValueError for wrong arguments, as
    trustme does."""
    options = _parser().parse_args(argv)
    end = None
    if options.expires_on is not None:
        try:
            end = datetime.datetime.strptime(options.expires_on, "%Y-%m-%d")
        except ValueError as error:
            raise ValueError(f"--expires-on: {error}: write a date such as 2027-01-31") from None
    if not os.path.isdir(options.dir):
        raise ValueError(f"--dir={options.dir} is not a directory")
    if not options.identities:
        raise ValueError("Must include at least one identity")
    key_type = KeyType[options.key_type]
    ca = CA(key_type=key_type)
    common_name = None if options.common_name is None else options.common_name[0]
    site = ca.issue_cert(
        *options.identities, common_name=common_name, not_after=end, key_type=key_type
    )
    names = ("server.pem", "server.key", "client.pem")
    server_cert, server_key, client_cert = (os.path.join(options.dir, name) for name in names)
    chain = b"".join(blob.bytes() for blob in site.cert_chain_pems)
    _tlsmith.save_files(
        [
            (server_cert, chain, False),
            (server_key, site.private_key_pem.bytes(), True),
            (client_cert, ca.cert_pem.bytes(), False),
        ]
    )
    if not options.quiet:
        listed = "', '".join(options.identities)
        print(f"Generated a certificate for '{listed}'")
        print("Configure your server to use the following files:")
        print(f"  cert={server_cert}")
        print(f"  key={server_key}")
        print("Configure your client to use the following files:")
        print(f"  cert={client_cert}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tlsmith.trustme", description="Create a CA and a certificate for tests."
    )
    parser.add_argument(
        "-d", "--dir", default=os.getcwd(), help="the folder to write to; default the current one"
    )
    parser.add_argument(
        "-i",
        "--identities",
        nargs="*",
        default=("localhost", "127.0.0.1", "::1"),
        help="the names of the certificate; default localhost 127.0.0.1 ::1",
    )
    parser.add_argument("--common-name", nargs=1, help="the common name of its subject")
    parser.add_argument("-x", "--expires-on", metavar="YYYY-MM-DD", help="the date when it expires")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    parser.add_argument(
        "-k",
        "--key-type",
        choices=[kind.name for kind in KeyType],
        default=KeyType.ECDSA.name,
        help="the type of both keys; default ECDSA",
    )
    return parser
