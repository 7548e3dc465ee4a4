"""tlsmith ca: your own authority."""

from __future__ import annotations

import os
import sys

from .. import _local
from .._authority import CA
from .._install import has_nss, refused_by_browsers
from ._arguments import KEY_TYPES, Failure, UsageError, Verbs, days
from ._authority import (
    add_folder,
    certificate_file,
    existing,
    key_file,
    latest_crl,
    record_file,
)
from ._describe import certificate_json, key_name, show_validity
from ._files import write
from ._output import Page, print_json
from ._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._install import Store

_SAYS = """
  init       make it, where `issue` has not made it already
  show       what it is, which is done by default
  path       the file of its certificate, for programs that have to trust it
  install    have this computer trust it
  uninstall  take that back

Its key is in the same folder, with mode 0600: who has it can be any server for
who trusts it.  JSON has what `inspect` says of its certificate, and the keys
folder, certificate, key, crl (files; crl null) and revoked (how many); that of
install and uninstall has the key stores, those that were changed.
"""

_EXAMPLES = """
  tlsmith ca init --name "ROOT CA" --key ed448 --days 3650
  tlsmith ca init --permit example.test --permit 10.0.0.0/8
  tlsmith ca
  curl --cacert $(tlsmith ca path) https://localhost:8443/
  tlsmith ca install
"""


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add("ca", run, "your own authority", says=_SAYS, examples=_EXAMPLES)
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", choices=tuple(_ACTIONS), default="show"
    )
    add_folder(parser)
    parser.add_argument(
        "--store",
        action="append",
        choices=("system", "nss", "java"),
        help="of install and uninstall: by default system, and nss for browsers, which "
        "accept ECDSA and RSA keys",
    )
    making = parser.add_argument_group("of init")
    making.add_argument("--name", help="its common name; by default one of its own")
    making.add_argument(
        "--organization",
        metavar="O",
        help="its organization; by default user@host, and none with --name",
    )
    making.add_argument("--key", metavar="TYPE", choices=KEY_TYPES, help="a type of key")
    making.add_argument("--days", type=days, help="how long it is valid, by default 3650")
    making.add_argument("--path-len", metavar="N", type=int, help="how many CAs may be below it")
    making.add_argument("--permit", metavar="NAME", action="append", help="all that it may issue")
    making.add_argument("--exclude", metavar="NAME", action="append", help="what it may not issue")


_INIT_ONLY = ("name", "organization", "key", "days", "path_len", "permit", "exclude")


def run(options: Namespace) -> int:
    """Do what the action says."""
    if options.action != "init":
        for name in _INIT_ONLY:
            if getattr(options, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} is for init, not {options.action}")
    if options.store and options.action not in ("install", "uninstall"):
        raise UsageError(f"--store is for install and uninstall, not {options.action}")
    _ACTIONS[options.action](options)
    return 0


def _init(options: Namespace) -> None:
    directory = options.ca_dir
    cert, key = certificate_file(directory), key_file(directory)
    with _local.alone(directory):
        for path in (cert, key, record_file(directory)):
            if os.path.lexists(path):
                raise Failure(f"'{path}' is there already: choose another --ca-dir", "exists")
        ca = CA(
            options.name,
            organization=_organization(options),
            key=options.key or KEY_TYPES[0],
            valid=f"{options.days or 3650}d",
            path_len=options.path_len,
            permit=options.permit or (),
            exclude=options.exclude or (),
        )
        write([(key, ca.key_pem, True), (cert, ca.chain_pem, False)])
    _tell(options, ca)


def _organization(options: Namespace) -> str | None:
    """The user's, unless the authority has a name, which is all of its subject."""
    named: str | None = options.organization
    return _local.owner() if named is None and options.name is None else named


def _show(options: Namespace) -> None:
    _tell(options, existing(options.ca_dir))


def _path(options: Namespace) -> None:
    existing(options.ca_dir)
    path = certificate_file(options.ca_dir)
    if options.json:
        print_json({"certificate": path})
    else:
        print(path)


def _install(options: Namespace) -> None:
    ca = existing(options.ca_dir)
    stores = options.store or _STORES
    # Where it is one of the defaults, a computer without a browser is nothing special.
    if options.store and "nss" in options.store and not has_nss():
        raise Failure(_NO_NSS, "no_store")
    changed = ca.install(stores)
    doubt = refused_by_browsers(ca.cert) if "nss" in stores else None
    if doubt is not None:
        warn("ca install", [f"{doubt}; 'tlsmith ca init --key ecdsa-p256' makes another"])
    _tell_stores(options, changed, "now trusted in")


def _uninstall(options: Namespace) -> None:
    ca = existing(options.ca_dir)
    _tell_stores(options, ca.uninstall(options.store or _STORES), "no longer trusted in")


_NO_NSS = (
    "there is no store of NSS in the usual places of this user: start the browser once, or "
    "'mkdir -p ~/.pki/nssdb && certutil -N --empty-password -d sql:$HOME/.pki/nssdb' makes one"
)


def _tell_stores(options: Namespace, stores: list[str], what: str) -> None:
    if options.json:
        print_json({"stores": stores})
    elif stores:
        print("\n".join(f"{what} {store}" for store in stores))
    else:
        print("every store was like that already")


def _tell(options: Namespace, ca: CA) -> None:
    directory = options.ca_dir
    crl = latest_crl(directory, ca)
    revoked = 0 if crl is None else len(crl)
    files = {
        "folder": directory,
        "certificate": certificate_file(directory),
        "key": key_file(directory),
        "crl": None if crl is None else record_file(directory),
    }
    if options.json:
        print_json({**certificate_json(ca.cert), **files, "revoked": revoked})
        return
    page = Page(sys.stdout)
    page.heading(ca.cert.subject)
    page.field("key", key_name(ca.cert))
    show_validity(page, ca.cert, indent=0)
    page.field("may issue", ca.cert.name_constraints)
    page.field("sha256", ca.cert.sha256.hex())
    page.field("revoked", f"{revoked} certificates" if crl else "nothing")
    for name, path in files.items():
        page.field(name, path)


_STORES: tuple[Store, ...] = ("system", "nss")
_ACTIONS = {
    "init": _init,
    "show": _show,
    "path": _path,
    "install": _install,
    "uninstall": _uninstall,
}
