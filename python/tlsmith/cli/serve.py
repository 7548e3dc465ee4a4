"""tlsmith serve: a temporary TLS server."""

from __future__ import annotations

import os
import signal
import sys

from .._ca import CA
from .._server import Server
from ._arguments import Failure, UsageError, Verbs, endpoint, port_number, protocols
from ._ca_folder import add_folder
from ._describe import certificate_json
from ._files import add_identity, check_identity, load_identity, password
from ._output import print_json
from ._services import HANDSHAKE_TIMEOUT, Echo, Files, Proxy, Service, serve_forever

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._identity import Identity

_DETAILS = """
Serves the files of a folder over HTTPS (default: the current one), echoes data, or
terminates TLS for a server without it.  Without --cert the local CA issues a
certificate for localhost, or for each --name, which is kept in memory only.

A client has 10 seconds for its handshake, and 60 seconds for each HTTP request.  If
512 clients are connected, or no more file descriptors are available, a new client
replaces the one that has been idle the longest.

Ctrl-C and SIGTERM send close_notify to all clients and exit with code 0.  The log
goes to standard error.  --json prints one document once the server listens, with
the keys address, port, serves (files, echo, proxy), ca (the file that clients need
to trust, or null) and certificate, as in `inspect`.
"""

_EXAMPLES = """
  tlsmith serve
  tlsmith serve public --port 8443 --name www.example.test
  tlsmith serve --port 4433 --echo --cert server.pem --key server-key.pem
  tlsmith serve --proxy localhost:8080 --host 0.0.0.0 --client-ca ca.pem
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "serve",
        run,
        "serve files, echo data, or proxy to another server",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", help="the folder whose files are served"
    )
    parser.add_argument("--echo", action="store_true", help="send received data back")
    parser.add_argument(
        "--proxy", metavar="HOST:PORT", type=endpoint, help="forward to this server, without TLS"
    )
    where = parser.add_argument_group("address")
    where.add_argument(
        "--port", type=port_number, default=8443, help="the port; default 8443, 0 for any free one"
    )
    where.add_argument(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="the address; default 127.0.0.1, 0.0.0.0 for all",
    )
    certificate_group = parser.add_argument_group("server certificate")
    add_identity(certificate_group)
    certificate_group.add_argument(
        "--name",
        metavar="NAME",
        action="append",
        help="issue a certificate for this name; may be repeated",
    )
    add_folder(parser)
    clients = parser.add_argument_group("clients and negotiation")
    clients.add_argument(
        "--client-ca", metavar="FILE", help="require client certificates that these roots issued"
    )
    clients.add_argument(
        "--alpn",
        metavar="NAMES",
        type=protocols,
        help="protocols to select from, separated by commas",
    )
    clients.add_argument("--tls", choices=("1.2", "1.3"), help="accept this version only")


def run(options: Namespace) -> int:
    """Serve until a signal arrives."""
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
    with server.listen(where, handshake_timeout=HANDSHAKE_TIMEOUT) as listener:
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
        raise Failure(f"'{directory}' is not a folder, so its files cannot be served", "io")
    if options.alpn is not None and set(options.alpn) - {"http/1.1"}:
        raise UsageError("files are served over HTTP/1.1 only: leave out --alpn, or use http/1.1")
    return Files(directory)


def _identity(options: Namespace) -> Identity:
    if options.cert:
        if options.name:
            raise UsageError(
                "--name and --cert exclude each other: --name issues a certificate, --cert has one"
            )
        return load_identity(options.cert, options.key, password(options.password_file))
    check_identity(options)
    names = options.name or ("localhost", "127.0.0.1", "::1")
    return CA.local(options.ca_dir).issue(*names)


def _announce(
    options: Namespace, service: Service, identity: Identity, address: tuple[str, int]
) -> None:
    host, port = address[:2]
    ca = None if options.cert else os.path.join(options.ca_dir, "ca.pem")
    if options.json:
        report = {"address": host, "port": port, "serves": service.kind, "ca": ca}
        print_json({**report, "certificate": certificate_json(identity.cert)})
        return
    host_text = f"[{host}]" if ":" in host else host
    name = identity.cert.names[0] if identity.cert.names else identity.cert.subject
    print(f"serving {service} on {host_text}:{port} as {name}", flush=True)
    if ca is not None:
        print(f"clients need to trust {ca}", file=sys.stderr, flush=True)
