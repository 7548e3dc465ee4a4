"""tlsmith connect: connect to a server and report on the connection."""

from __future__ import annotations

import argparse
import base64
import sys
import warnings

from .._client import Client
from .._errors import ConfigError, Error, HandshakeError, InsecureWarning, VerifyError
from .._loading import read
from .._trust import INSECURE, Pin
from . import _starttls
from ._arguments import Failure, UsageError, Verbs, endpoint, protocols, seconds, unescaped
from ._describe import certificate_json, show_chain
from ._files import (
    add_identity,
    add_trust,
    check_identity,
    load_identity,
    load_trust,
    password,
)
from ._output import Page, print_json, write_bytes
from ._relay import Relay

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from argparse import Namespace
    from collections.abc import Sequence

    from .._socket import Socket
    from .._tlsmith import Certificate

HTTPS = 443
_ECH_CONFIG = b"\xfe\x0d"

_DETAILS = """
The negotiated parameters, the server's certificates and the verification result
are printed to standard error.  Standard input is then sent to the server, and its
data is written to standard output.  At the end of the input, close_notify is sent;
data is still received until the server sends close_notify too.  Ctrl-C sends
close_notify and exits with code 130.

--json only completes the handshake: it transfers no data.  Its keys are host, port,
server_name, address, version, cipher, group, alpn, signature_scheme, resumed, ech
(none, grease, accepted, rejected), verified, error (null, or code and message),
chain (the certificates that the server sent) and verified_chain (subjects, up to
the trust anchor).

If the server rejects --ech and sends retry configurations (RFC 9849), the command
fails and prints them in Base64 as ech_retry_configs.  Save them to a file for --ech.
"""

_EXAMPLES = r"""
  tlsmith connect example.org
  tlsmith connect localhost:4433 --ca ca.pem
  tlsmith connect example.org --send 'GET / HTTP/1.0\r\nHost: example.org\r\n\r\n'
  tlsmith connect mail.example.org --starttls smtp
  tlsmith connect example.org --json </dev/null
  tlsmith connect example.org --show-chain </dev/null >chain.pem
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "connect", run, "connect to a server and verify it", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument(
        "address", metavar="HOST[:PORT]", help="the server; default port 443, or that of --starttls"
    )
    trust = parser.add_argument_group("trust anchors and verification")
    add_trust(trust)
    trust.add_argument(
        "--pin",
        metavar="PIN",
        type=_pin,
        action="append",
        help="require a pinned public key in the verified chain: spki:SHA256",
    )
    trust.add_argument(
        "--servername", metavar="NAME", help="the name to verify and to send as SNI; default HOST"
    )
    trust.add_argument("--insecure", action="store_true", help="do not verify the certificate")
    trust.add_argument(
        "--no-verify-name", action="store_true", help="do not verify the name (insecure)"
    )
    own = parser.add_argument_group("client certificate")
    add_identity(own)
    offer = parser.add_argument_group("negotiation")
    offer.add_argument(
        "--alpn",
        metavar="NAMES",
        type=protocols,
        default=[],
        help="protocols to offer, separated by commas, such as h2,http/1.1",
    )
    offer.add_argument("--tls", choices=("1.2", "1.3"), help="offer this version only")
    offer.add_argument(
        "--group",
        metavar="NAMES",
        type=protocols,
        help="key exchange groups to offer, separated by commas",
    )
    offer.add_argument(
        "--ech", metavar="FILE", help="encrypt the ClientHello with this ECHConfigList; or 'grease'"
    )
    offer.add_argument(
        "--starttls",
        choices=tuple(_starttls.PORTS),
        help="upgrade a plaintext connection of this protocol",
    )
    talk = parser.add_argument_group("connection")
    talk.add_argument(
        "--send",
        metavar="TEXT",
        type=unescaped,
        help=r"send this instead of standard input; \r, \n, \t, \0, \xNN are escapes",
    )
    talk.add_argument(
        "--keep-open", action="store_true", help="send no close_notify at the end of the input"
    )
    talk.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        default=30.0,
        help="limit for connecting, the handshake, and silence at the end; default 30 seconds",
    )
    talk.add_argument(
        "--show-chain",
        action="store_true",
        help="first write the server's chain to standard output, as PEM",
    )
    talk.add_argument(
        "--keylog",
        metavar="FILE",
        help="append the session secrets to this file (NSS key log format, for Wireshark)",
    )


def run(options: Namespace) -> int:
    """Connect, report, and relay."""
    _check(options)
    connection = _Connection(options)
    try:
        sock = connection.connect()
    except VerifyError as error:
        connection.report_refusal(error)
        return 1
    except HandshakeError as error:
        if error.ech_retry_configs is None:
            raise
        connection.report_retry_configs(error, error.ech_retry_configs)
        return 1
    with sock:
        connection.report(sock)
        if not options.json:
            Relay(
                sock,
                text=options.send,
                half_close=not options.keep_open,
                timeout=options.timeout,
            ).run()
    return 0


def _check(options: Namespace) -> None:
    check_identity(options)
    if options.insecure and (options.pin or options.crl):
        raise UsageError("--insecure disables verification, so it excludes --pin and --crl")
    if options.json and (options.send is not None or options.show_chain):
        raise UsageError("--json transfers no data, so it excludes --send and --show-chain")


class _Connection:
    """One connection, and the report about it."""

    def __init__(self, options: Namespace) -> None:
        default = _starttls.PORTS[options.starttls] if options.starttls else HTTPS
        try:
            self.host, self.port = endpoint(options.address, default)
        except argparse.ArgumentTypeError as error:
            raise UsageError(str(error)) from None
        self.name = options.servername or self.host
        self.options = options
        self._unchecked = options.insecure or options.no_verify_name
        self.page = Page(sys.stderr)
        self.trust = load_trust(options)

    def connect(self) -> Socket:
        """Connect and complete the handshake."""
        options = self.options
        if self._unchecked:
            what = "the certificate" if options.insecure else "the name"
            self.page.warning("warning", f"{what} is not verified: an attacker may be the peer")
        client = self._client()
        address = (self.host, self.port)
        if options.starttls is None:
            return client.connect(address, server_name=self.name, timeout=options.timeout)
        return client.wrap(self._plain(), self.name)

    def _client(self) -> Client:
        options = self.options
        settings: dict[str, object] = {}
        if options.tls:
            settings |= {"min_version": options.tls, "max_version": options.tls}
        if options.group:
            settings["groups"] = options.group
        if options.pin:
            settings["pins"] = options.pin
        if options.ech:
            settings["ech"] = _ech(options.ech)
        if options.keylog:
            settings["keylog"] = options.keylog
        if options.cert:
            settings["identity"] = load_identity(
                options.cert, options.key, password(options.password_file)
            )
        with warnings.catch_warnings():
            # connect() has printed its own warning.
            warnings.simplefilter("ignore", InsecureWarning)
            return Client(
                trust=INSECURE if options.insecure else self.trust,
                alpn=options.alpn,
                check_hostname=not options.no_verify_name,
                **settings,  # type: ignore[arg-type]
            )

    def _plain(self) -> socket.socket:
        """Connect without TLS, up to the point where TLS begins."""
        import socket

        try:
            sock = socket.create_connection((self.host, self.port), self.options.timeout)
        except OSError as error:
            sentence = f"cannot connect to '{self.host}' port {self.port}: {error.strerror}"
            raise Failure(sentence, "io") from error
        try:
            _starttls.start(self.options.starttls, sock)
        except TimeoutError as error:
            sock.close()
            raise Failure(
                f"'{self.host}' did not answer before TLS began, within {self.options.timeout:g} s",
                "timeout",
            ) from error
        except BaseException:
            sock.close()
            raise
        return sock

    def report(self, sock: Socket) -> None:
        """Report the negotiated parameters and the verification result."""
        if self.options.json:
            print_json(self._json(sock, sock.peer_chain, self._hidden_error(sock.peer_chain)))
            return
        info = sock.info
        page = self.page
        host, port = sock.getpeername()[:2]
        page.field("connected", f"{host} port {port}")
        page.field("version", f"TLS {info.version}")
        page.field("cipher", info.cipher)
        page.field("group", info.group)
        page.field("signature", info.signature_scheme)
        page.field("alpn", info.alpn or "none")
        page.field("ech", info.ech)
        page.field("session", "resumed" if info.resumed else "new")
        page.field("chain", "as sent by the server")
        show_chain(page, sock.peer_chain)
        self._report_verification(sock)
        page.flush()
        if self.options.show_chain:
            write_bytes(b"".join(cert.pem for cert in sock.peer_chain))

    def _report_verification(self, sock: Socket) -> None:
        error = self._hidden_error(sock.peer_chain)
        if error is not None:
            self.page.bad("not verified", str(error))
        elif self.options.insecure:
            self.page.warning("not verified", "but verification would have succeeded")
        elif self.options.no_verify_name:
            self.page.warning("verified", "the chain, not the name")
        else:
            anchor = f", up to '{sock.verified_chain[-1].subject}'" if sock.verified_chain else ""
            self.page.good("verified", f"the peer is '{self.name}'{anchor}")

    def _hidden_error(self, chain: Sequence[Certificate]) -> Error | None:
        """Return the verification error that --insecure ignored."""
        if not self.options.insecure:
            return None
        name = None if self.options.no_verify_name else self.name
        try:
            self.trust.verify(chain, hostname=name)
        except Error as error:
            return error
        return None

    def report_refusal(self, error: VerifyError) -> None:
        """Report why verification failed, and the chain that the server sent."""
        if self.options.json:
            print_json(self._json(None, error.chain, error))
            return
        if error.chain:
            self.page.field("chain", "as sent by the server")
            show_chain(self.page, error.chain)
        self.page.bad("not verified", str(error))
        self.page.flush()

    def report_retry_configs(self, error: HandshakeError, configs: bytes) -> None:
        """Report that the server rejected ECH, and the list for --ech that it sent."""
        encoded = base64.b64encode(configs).decode()
        if self.options.json:
            report = self._json(None, (), error)
            report["ech"] = "rejected"
            report["ech_retry_configs"] = encoded
            print_json(report)
            return
        self.page.field("ech_retry_configs", encoded)
        self.page.bad("ECH rejected", str(error))
        self.page.flush()

    def _json(
        self, sock: Socket | None, chain: Sequence[Certificate], error: Error | None
    ) -> dict[str, object]:
        negotiated = {} if sock is None else sock.info._asdict()
        keys = ("version", "cipher", "group", "alpn", "signature_scheme", "resumed", "ech")
        path = () if sock is None else sock.verified_chain
        return {
            "host": self.host,
            "port": self.port,
            "server_name": self.name,
            "address": None if sock is None else sock.getpeername()[0],
            **{key: negotiated.get(key) for key in keys},
            "verified": sock is not None and not self._unchecked,
            "error": None if error is None else {"code": error.code, "message": str(error)},
            "chain": [certificate_json(cert) for cert in chain],
            "verified_chain": [cert.subject for cert in path],
        }


def _pin(text: str) -> Pin:
    kind, _, sha256 = text.partition(":")
    if kind != "spki":
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a pin: write spki: and the SHA-256 of the public key, in hex"
        )
    try:
        return Pin.spki(sha256)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _ech(source: str) -> bytes | str:
    """Read an ECHConfigList: raw, in Base64 as in DNS, or in PEM."""
    if source == "grease":
        return source
    content = read(source)
    if content[2:4] == _ECH_CONFIG:
        return content
    lines = (line for line in content.split() if not line.startswith(b"-----"))
    try:
        return base64.b64decode(b"".join(lines), validate=True)
    except ValueError:
        raise UsageError(f"'{source}' is not an ECHConfigList, raw or in Base64") from None
