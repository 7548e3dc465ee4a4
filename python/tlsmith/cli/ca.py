"""tlsmith ca: the local CA."""

from __future__ import annotations

import os
import sys

from .. import _local_ca
from .._ca import CA
from .._install import has_nss, refused_by_browsers
from ._arguments import KEY_TYPES, Failure, UsageError, Verbs, days
from ._ca_folder import (
    add_folder,
    certificate_file,
    crl_file,
    existing,
    key_file,
    latest_crl,
)
from ._describe import certificate_json, key_name, show_validity
from ._files import write
from ._output import Page, print_json
from ._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._install import Store

_DETAILS = """
  init       create it; `issue` does so too if there is none
  show       describe it (the default)
  path       print the path of its certificate, for programs that need to trust it
  install    add it to the trust stores of this computer
  uninstall  remove it from them

Its private key is in the same folder, with mode 0600.  Whoever has the key can
impersonate any server to anyone who trusts this CA.

--json prints the keys of `inspect` for its certificate, and folder, certificate,
key, crl (paths; crl may be null) and revoked (a count).  For install and uninstall
it prints the key stores: those that changed.
"""

_EXAMPLES = """
  tlsmith ca init --name "ROOT CA" --key ed448 --days 3650
  tlsmith ca init --permit example.test --permit 10.0.0.0/8
  tlsmith ca
  curl --cacert $(tlsmith ca path) https://localhost:8443/
  tlsmith ca install
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add("ca", run, "manage the local CA", details=_DETAILS, examples=_EXAMPLES)
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", choices=tuple(_ACTIONS), default="show"
    )
    add_folder(parser)
    parser.add_argument(
        "--store",
        action="append",
        choices=("system", "nss", "java"),
        help="for install and uninstall: a trust store; default system, and nss for browsers, "
        "which accept ECDSA and RSA keys; may be repeated",
    )
    making = parser.add_argument_group("for init")
    making.add_argument("--name", help="its common name; default: a unique one")
    making.add_argument(
        "--organization",
        metavar="O",
        help="its organization; default user@host, or none with --name",
    )
    making.add_argument(
        "--key", metavar="TYPE", choices=KEY_TYPES, help=f"its key type; default {KEY_TYPES[0]}"
    )
    making.add_argument("--days", type=days, help="its validity in days; default 3650")
    making.add_argument(
        "--path-len",
        metavar="N",
        type=int,
        help="how many intermediate CAs may be below it (pathLenConstraint); default unlimited",
    )
    making.add_argument(
        "--permit",
        metavar="NAME",
        action="append",
        help="a permitted name constraint: it may issue only for such names; may be repeated",
    )
    making.add_argument(
        "--exclude",
        metavar="NAME",
        action="append",
        help="an excluded name constraint: it may not issue for such names; may be repeated",
    )


_INIT_ONLY = ("name", "organization", "key", "days", "path_len", "permit", "exclude")


def run(options: Namespace) -> int:
    """Run the action."""
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
    with _local_ca.locked(directory):
        for path in (cert, key, crl_file(directory)):
            if os.path.lexists(path):
                raise Failure(f"'{path}' exists already: choose another --ca-dir", "exists")
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
    _report(options, ca)


def _organization(options: Namespace) -> str | None:
    """Return user@host, unless --name alone is to be the subject."""
    named: str | None = options.organization
    return _local_ca.owner() if named is None and options.name is None else named


def _show(options: Namespace) -> None:
    _report(options, existing(options.ca_dir))


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
    # By default, a computer without browsers is no failure.
    if options.store and "nss" in options.store and not has_nss():
        raise Failure(_NO_NSS, "no_store")
    changed = ca.install(stores)
    reason = refused_by_browsers(ca.cert) if "nss" in stores else None
    if reason is not None:
        warn("ca install", [f"{reason}; create another with 'tlsmith ca init --key ecdsa-p256'"])
    _report_stores(options, changed, "now trusted in")


def _uninstall(options: Namespace) -> None:
    ca = existing(options.ca_dir)
    _report_stores(options, ca.uninstall(options.store or _STORES), "no longer trusted in")


_NO_NSS = (
    "no NSS database found in the usual places of this user: start the browser once, or run "
    "'mkdir -p ~/.pki/nssdb && certutil -N --empty-password -d sql:$HOME/.pki/nssdb'"
)


def _report_stores(options: Namespace, stores: list[str], what: str) -> None:
    if options.json:
        print_json({"stores": stores})
    elif stores:
        print("\n".join(f"{what} {store}" for store in stores))
    else:
        print("no store needed a change")


def _report(options: Namespace, ca: CA) -> None:
    directory = options.ca_dir
    crl = latest_crl(directory, ca)
    revoked = 0 if crl is None else len(crl)
    files = {
        "folder": directory,
        "certificate": certificate_file(directory),
        "key": key_file(directory),
        "crl": None if crl is None else crl_file(directory),
    }
    if options.json:
        print_json({**certificate_json(ca.cert), **files, "revoked": revoked})
        return
    page = Page(sys.stdout)
    page.heading(ca.cert.subject)
    page.field("key", key_name(ca.cert))
    show_validity(page, ca.cert, indent=0)
    page.field("constraints", ca.cert.name_constraints)
    page.field("sha256", ca.cert.sha256.hex())
    page.field("revoked", f"{revoked} certificates" if crl else "none")
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
