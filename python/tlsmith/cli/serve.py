"""tlsmith serve: a server for the time being."""

from __future__ import annotations

import os
import signal
import sys

from .._authority import CA
from .._server import Server
from ._arguments import Failure, UsageError, Verbs, endpoint, port_number, protocols
from ._authority import add_folder
from ._describe import certificate_json
from ._files import add_password, load_identity, password
from ._output import print_json
from ._services import HANDSHAKE, Echo, Files, Proxy, Service, serve_forever

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._certs import Identity

_SAYS = """
Files of a folder over HTTPS (the default, of this one), an echo, or TLS in front of
a server that has none.  Without --cert the local authority issues a certificate
for localhost, or for each --name, that lives as long as the server.

A client has 10 seconds for its handshake, and 60 for each request of a file.  Where
512 are there, or as many as there are descriptors for, the one that has been silent
the longest makes room for the next.

Ctrl-C and SIGTERM say close_notify to the clients, and end with exit code 0.
What happens goes to the standard error.  JSON, one document once it listens, has
the keys address, port, serves (files, echo, proxy), ca (the file to trust, or
null) and certificate, as `inspect`.
"""

_EXAMPLES = """
  tlsmith serve
  tlsmith serve public --port 8443 --name www.example.test
  tlsmith serve --port 4433 --echo --cert server.pem --key server-key.pem
  tlsmith serve --proxy localhost:8080 --host 0.0.0.0 --client-ca ca.pem
"""


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add(
        "serve", run, "serve files, an echo, or another server", says=_SAYS, examples=_EXAMPLES
    )
    parser.add_argument("directory", metavar="DIR", nargs="?", help="serve its files")
    parser.add_argument("--echo", action="store_true", help="send back what comes")
    parser.add_argument(
        "--proxy", metavar="HOST:PORT", type=endpoint, help="pass it on, without TLS"
    )
    where = parser.add_argument_group("where")
    where.add_argument("--port", type=port_number, default=8443, help="8443; 0 is any free one")
    where.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="127.0.0.1; 0.0.0.0 is every one"
    )
    who = parser.add_argument_group("as whom")
    who.add_argument("--cert", metavar="FILE", help="a certificate with its chain")
    who.add_argument("--key", metavar="FILE", help="its key, where FILE of --cert has none")
    add_password(who, "the key, or of the PKCS#12 file of --cert")
    who.add_argument("--name", metavar="NAME", action="append", help="issue one for this name")
    add_folder(parser)
    whom = parser.add_argument_group("for whom")
    whom.add_argument("--client-ca", metavar="FILE", help="demand certificates of these roots")
    whom.add_argument("--alpn", metavar="NAMES", type=protocols, help="such as http/1.1")
    whom.add_argument("--tls", choices=("1.2", "1.3"), help="this version alone")


def run(options: Namespace) -> int:
    """Serve until it is enough."""
    service = _service(options)
    identity = _identity(options)
    versions = {"min_version": options.tls, "max_version": options.tls} if options.tls else {}
    server = Server(
        identity,
        client_trust=options.client_ca,
        alpn=service.alpn if options.alpn is None else options.alpn,
        **versions,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    where = (options.host, options.port)
    with server.listen(where, handshake_timeout=HANDSHAKE) as listener:
        try:
            _announce(options, service, identity, listener.address)
            serve_forever(listener, service)
        except KeyboardInterrupt:
            return 0


def _service(options: Namespace) -> Service:
    ways = (options.directory is not None, options.echo, options.proxy is not None)
    if sum(ways) > 1:
        raise UsageError("DIR, --echo and --proxy exclude each other")
    if options.echo:
        return Echo()
    if options.proxy:
        return Proxy(options.proxy)
    directory = options.directory or "."
    if not os.path.isdir(directory):
        raise Failure(f"'{directory}' is not a folder", "io")
    if options.alpn is not None and set(options.alpn) - {"http/1.1"}:
        raise UsageError("files are served over http/1.1 alone: --alpn cannot be something else")
    return Files(directory)


def _identity(options: Namespace) -> Identity:
    if options.cert:
        if options.name:
            raise UsageError("--name is for a certificate to issue, and --cert is one already")
        return load_identity(options.cert, options.key, password(options.password_file))
    if options.key:
        raise UsageError("--key needs --cert: which certificate is it for?")
    if options.password_file:
        raise UsageError("--password-file needs --cert: which key is it for?")
    names = options.name or ("localhost", "127.0.0.1", "::1")
    return CA.local(options.ca_dir).issue(*names)


def _announce(
    options: Namespace, service: Service, identity: Identity, address: tuple[str, int]
) -> None:
    host, port = address[:2]
    ca = None if options.cert else os.path.join(options.ca_dir, "ca.pem")
    if options.json:
        said = {"address": host, "port": port, "serves": service.kind, "ca": ca}
        print_json({**said, "certificate": certificate_json(identity.cert)})
        return
    shown = f"[{host}]" if ":" in host else host
    name = identity.cert.names[0] if identity.cert.names else identity.cert.subject
    print(f"serving {service} on {shown}:{port} as {name}", flush=True)
    if ca is not None:
        print(f"clients have to trust {ca}", file=sys.stderr, flush=True)
