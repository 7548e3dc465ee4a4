"""tlsmith connect: talk to a server, and see who it is."""

from __future__ import annotations

import argparse
import base64
import sys
import warnings

from .._client import Client
from .._errors import ConfigError, Error, HandshakeError, InsecureWarning, VerifyError
from .._sources import read
from .._trust import INSECURE, Pin, Trust
from . import _starttls
from ._arguments import Failure, UsageError, Verbs, endpoint, protocols, seconds, unescaped
from ._describe import certificate_json, show_chain
from ._files import add_password, load_identity, password
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

_SAYS = """
What was agreed, the certificates and whether they are good go to the standard
error.  Then the standard input goes to the server, and what it sends to the
standard output.  At the end of the input, close_notify is said, and what the
server still sends is shown until it says close_notify too.  Ctrl-C says
close_notify and ends with exit code 130.

JSON has the keys host, port, server_name, address, version, cipher, group, alpn,
signature_scheme, resumed, ech (none, grease, accepted, rejected), verified, error
(null, or code and message), chain (what the server sent) and verified_chain (up to
the root that is trusted; of these the subjects); nothing is carried then.

A server that rejects --ech and sends other configurations makes it fail and print
them as ech_retry_configs, in Base64, which --ech takes from a file.
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
    """The arguments."""
    parser = verbs.add(
        "connect", run, "talk to a server, and see who it is", says=_SAYS, examples=_EXAMPLES
    )
    parser.add_argument(
        "address", metavar="HOST[:PORT]", help="the port is that of HTTPS, or of --starttls"
    )
    trust = parser.add_argument_group("whom to believe")
    trust.add_argument("--ca", metavar="FILE", help="only these roots, not those of the system")
    trust.add_argument("--crl", metavar="FILE", action="append", help="check revocation with it")
    trust.add_argument("--pin", metavar="PIN", type=_pin, action="append", help="spki:SHA256")
    trust.add_argument("--servername", metavar="NAME", help="who it has to be; by default HOST")
    trust.add_argument("--insecure", action="store_true", help="accept anybody")
    trust.add_argument("--no-verify-name", action="store_true", help="insecure: accept any name")
    own = parser.add_argument_group("what to show")
    own.add_argument("--cert", metavar="FILE", help="a client certificate with its chain")
    own.add_argument("--key", metavar="FILE", help="its key, where FILE of --cert has none")
    add_password(own, "the key, or of the PKCS#12 file of --cert")
    offer = parser.add_argument_group("what to offer")
    offer.add_argument("--alpn", metavar="NAMES", type=protocols, default=[], help="such as h2")
    offer.add_argument("--tls", choices=("1.2", "1.3"), help="this version alone")
    offer.add_argument("--group", metavar="NAMES", type=protocols, help="key exchange groups")
    offer.add_argument("--ech", metavar="FILE", help="an ECHConfigList, or 'grease'")
    offer.add_argument("--starttls", choices=tuple(_starttls.PORTS), help="begin in the clear")
    talk = parser.add_argument_group("the talk")
    talk.add_argument("--send", metavar="TEXT", type=unescaped, help=r"in place of the input; \r\n")
    talk.add_argument(
        "--keep-open", action="store_true", help="say no close_notify at the end of the input"
    )
    talk.add_argument("--timeout", metavar="S", type=seconds, default=30.0, help="seconds, 30")
    talk.add_argument("--show-chain", action="store_true", help="the server's chain as PEM first")
    talk.add_argument("--keylog", metavar="FILE", help="append the secrets, for Wireshark")


def run(options: Namespace) -> int:
    """Connect, report, carry."""
    _check(options)
    call = _Call(options)
    try:
        sock = call.connect()
    except VerifyError as error:
        call.report_refusal(error)
        return 1
    except HandshakeError as error:
        if error.ech_retry_configs is None:
            raise
        call.report_retry_configs(error, error.ech_retry_configs)
        return 1
    with sock:
        call.report(sock)
        if not options.json:
            Relay(
                sock,
                text=options.send,
                half_close=not options.keep_open,
                patience=options.timeout,
            ).run()
    return 0


def _check(options: Namespace) -> None:
    if options.key and not options.cert:
        raise UsageError("--key needs --cert: which certificate is it for?")
    if options.password_file and not options.cert:
        raise UsageError("--password-file needs --cert: which key is it for?")
    if options.insecure and (options.pin or options.crl):
        raise UsageError("--insecure accepts everybody, whatever --pin or --crl say")
    if options.json and (options.send is not None or options.show_chain):
        raise UsageError("--json tells what was agreed, and carries nothing: no --send, no PEM")


class _Call:
    """One connection, and what is said about it."""

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
        self.trust = Trust.roots(options.ca) if options.ca else Trust.system()
        if options.crl:
            self.trust = self.trust.with_crls(*options.crl)

    def connect(self) -> Socket:
        """A connection after its handshake."""
        options = self.options
        if self._unchecked:
            what = "the certificate" if options.insecure else "the name"
            self.page.warning("warning", f"{what} is not checked: anybody can be the peer")
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
            # The warning was said in words of our own.
            warnings.simplefilter("ignore", InsecureWarning)
            return Client(
                trust=INSECURE if options.insecure else self.trust,
                alpn=options.alpn,
                check_hostname=not options.no_verify_name,
                **settings,  # type: ignore[arg-type]
            )

    def _plain(self) -> socket.socket:
        """A connection in the clear, up to where TLS begins."""
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
            raise Failure(f"'{self.host}' does not answer before TLS begins", "timeout") from error
        except BaseException:
            sock.close()
            raise
        return sock

    def report(self, sock: Socket) -> None:
        """What was agreed, and with whom."""
        if self.options.json:
            print_json(self._json(sock, sock.peer_chain, self._doubt(sock.peer_chain)))
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
        page.field("chain", "what the server sent")
        show_chain(page, sock.peer_chain)
        self._report_verification(sock)
        page.flush()
        if self.options.show_chain:
            write_bytes(b"".join(cert.pem for cert in sock.peer_chain))

    def _report_verification(self, sock: Socket) -> None:
        doubt = self._doubt(sock.peer_chain)
        if doubt is not None:
            self.page.bad("not verified", str(doubt))
        elif self.options.insecure:
            self.page.warning("not verified", "though it would have been accepted")
        elif self.options.no_verify_name:
            self.page.warning("verified", "the chain, but not the name")
        else:
            root = sock.verified_chain[-1].subject if sock.verified_chain else "the system"
            self.page.good("verified", f"it is '{self.name}', says '{root}'")

    def _doubt(self, chain: Sequence[Certificate]) -> Error | None:
        """Why nobody should have accepted what --insecure did."""
        if not self.options.insecure:
            return None
        name = None if self.options.no_verify_name else self.name
        try:
            self.trust.verify(chain, hostname=name)
        except Error as error:
            return error
        return None

    def report_refusal(self, error: VerifyError) -> None:
        """Why the server is not believed, and what it showed."""
        if self.options.json:
            print_json(self._json(None, error.chain, error))
            return
        if error.chain:
            self.page.field("chain", "what the server sent")
            show_chain(self.page, error.chain)
        self.page.bad("not verified", str(error))
        self.page.flush()

    def report_retry_configs(self, error: HandshakeError, configs: bytes) -> None:
        """That the server rejected ECH, and the list for --ech that it sent."""
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
        agreed = {} if sock is None else sock.info._asdict()
        keys = ("version", "cipher", "group", "alpn", "signature_scheme", "resumed", "ech")
        path = () if sock is None else sock.verified_chain
        return {
            "host": self.host,
            "port": self.port,
            "server_name": self.name,
            "address": None if sock is None else sock.getpeername()[0],
            **{key: agreed.get(key) for key in keys},
            "verified": sock is not None and not self._unchecked,
            "error": None if error is None else {"code": error.code, "message": str(error)},
            "chain": [certificate_json(cert) for cert in chain],
            "verified_chain": [cert.subject for cert in path],
        }


def _pin(text: str) -> Pin:
    kind, _, sha256 = text.partition(":")
    if kind != "spki":
        raise argparse.ArgumentTypeError(f"'{text}' is not spki: and the SHA-256 of a key")
    try:
        return Pin.spki(sha256)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _ech(source: str) -> bytes | str:
    """An ECHConfigList as bytes, or in Base64, as DNS and PEM have it."""
    if source == "grease":
        return source
    content = read(source)
    if content[2:4] == _ECH_CONFIG:
        return content
    lines = (line for line in content.split() if not line.startswith(b"-----"))
    try:
        return base64.b64decode(b"".join(lines), validate=True)
    except ValueError:
        raise UsageError(f"'{source}' is not an ECHConfigList, nor one in Base64") from None
