"""Verifiers, each asked for its verdict on a row.

A peer in a handshake is always OpenSSL's, through the standard library, with every
algorithm allowed: what it presents is for the judge to refuse.
"""

import functools
import re
import socket
import ssl
import subprocess

import tlsmith
import tlsmith.ssl

from . import pki
from .openssl import name_of

OK = "accepted"
PATIENCE = 30
"""Seconds that a judge may take."""

_MOST_TURNS = 10


class Verdict:
    """`reason` is OK, the reason of a VerifyError, for OpenSSL the name of an error,
    "not_loaded" where a certificate or a CRL was refused as it was loaded, and "failed"
    for a handshake that failed for some other reason."""

    def __init__(self, reason, sentence="", others=()):
        self.reason = reason
        self.sentence = sentence
        self._fitting = {reason, *others}

    def is_(self, wanted):
        """Whether it is the verdict that a row wants, or one of several."""
        return not self._fitting.isdisjoint(wanted.split())

    def __repr__(self):
        return f"{self.reason} ({self.sentence})" if self.sentence else self.reason


class Files:
    """The certificates and CRLs of a row, as files for those who read files."""

    def __init__(self, row, folder):
        self.chain, self.trust, self.crls = (
            folder / name for name in ("chain.pem", "trust.pem", "crls.pem")
        )
        self.chain.write_text("".join(one.pem for one in row.chain))
        self.trust.write_text("".join(one.pem for one in row.trust))
        self.crls.write_text("".join(one.pem for one in row.crls or ()))
        self.key = folder / "key.pem"
        self.key.write_bytes(pki.key_pem(row.chain[0].key))
        self.site = _site(folder)


def _site(folder):
    """What a judging server presents itself: no judge looks at it."""
    site = pki.leaf(pki.root(subject="CN=Root of the site"))
    path = folder / "site.pem"
    path.write_text(site.pem + pki.key_pem(site.key).decode())
    return path


# The peer.


class Peer:
    """OpenSSL with the chain of a row, over memory."""

    def __init__(self, row, files):
        judged_is_client = row.usage == "client"
        protocol = ssl.PROTOCOL_TLS_CLIENT if judged_is_client else ssl.PROTOCOL_TLS_SERVER
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(files.chain, files.key)
        self._into, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._into, self._out, server_side=not judged_is_client)

    def answer(self, data=b""):
        """What it sends after it received this."""
        self._into.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLError:
            # It waits for more, or it was refused, or it cannot go on: an alert says so.
            pass
        return self._out.read()


def _shake_hands(step, peer, is_client):
    """Has `step`, which takes what came and gives whether it is done and what it sends,
    and the peer complete a handshake."""
    data = b"" if is_client else peer.answer()
    for _ in range(_MOST_TURNS):
        done, reply = step(data)
        if done:
            return
        data = peer.answer(reply)
    raise AssertionError("the handshake makes no progress")


# OpenSSL.


def standard_ssl(row, files):
    try:
        _ssl_handshake(_ssl_context(ssl, row, files), row, files)
    except ssl.SSLCertVerificationError as error:
        return Verdict(name_of(error.verify_code), error.verify_message)
    except ssl.SSLError as error:
        return Verdict(error.reason or "failed", str(error))
    return Verdict(OK)


def _ssl_context(module, row, files):
    is_client = row.usage == "server"
    protocol = module.PROTOCOL_TLS_CLIENT if is_client else module.PROTOCOL_TLS_SERVER
    context = module.SSLContext(protocol)
    if is_client:
        context.check_hostname = row.host is not None
    else:
        context.load_cert_chain(files.site)
        context.verify_mode = module.CERT_REQUIRED
    if row.insecure:
        context.check_hostname, context.verify_mode = False, module.CERT_NONE
    if row.trust:
        context.load_verify_locations(files.trust)
    context.verify_flags |= row.flags
    if row.crls is not None:
        context.verify_flags |= module.VERIFY_CRL_CHECK_CHAIN
        if row.crls:
            context.load_verify_locations(files.crls)
    return context


def _ssl_handshake(context, row, files):
    is_client = row.usage == "server"
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    name = row.host if is_client else None
    judged = context.wrap_bio(into, out, server_side=not is_client, server_hostname=name)

    def step(data):
        into.write(data)
        try:
            judged.do_handshake()
        except ssl.SSLWantReadError:
            return False, out.read()
        return True, out.read()

    _shake_hands(step, Peer(row, files), is_client)


def openssl_verify(row, files):
    """`openssl verify`, for what no handshake of OpenSSL shows."""
    command = ["openssl", "verify", "-auth_level", "2"]
    command += ["-CAfile", files.trust, "-untrusted", files.chain]
    command += ["-no-CApath", "-no-CAstore"]
    if not any("-purpose" in option for option in row.verify_options):
        command += ["-purpose", f"ssl{row.usage}"]
    if row.host is not None and row.usage == "server":
        command += ["-verify_hostname", row.host]
    command += [*row.verify_options, files.chain]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode == 0:
        return Verdict(OK)
    first = re.search(r"^error (\d+) .*: (.*)$", done.stderr + done.stdout, re.MULTILINE)
    assert first, f"{command} says {done.stdout} {done.stderr}"
    return Verdict(name_of(int(first[1])), first[2])


# tlsmith.ssl.


def tlsmith_ssl(row, files):
    try:
        if row.pinned:
            # The standard library has no such thing.
            check_hostname = row.host is not None
            client = tlsmith.Client(trust=native_trust(row), check_hostname=check_hostname)
            context = client.ssl_context()
        else:
            context = _ssl_context(tlsmith.ssl, row, files)
        _ssl_handshake(context, row, files)
    except ssl.SSLError as error:
        cause = error.__cause__
        return _native_verdict(cause) if cause else Verdict("failed", str(error))
    return Verdict(OK)


# Native Python.


def native_trust(row):
    if row.insecure:
        return tlsmith.INSECURE
    if row.pinned:
        return tlsmith.Trust.pinned(tlsmith.Pin.cert(row.chain[0].sha256))
    trust = tlsmith.Trust.roots(*(tlsmith.Certificate.from_der(one.der) for one in row.trust))
    if row.crls is not None:
        trust = trust.with_crls(*(tlsmith.CRL.from_der(one.der) for one in row.crls))
    return trust


def _native(judge):
    """Turns exceptions into verdicts."""

    @functools.wraps(judge)
    def wrapped(*arguments):
        try:
            judge(*arguments)
        except tlsmith.Error as error:
            return _native_verdict(error)
        return Verdict(OK)

    return wrapped


def _native_verdict(error):
    if isinstance(error, tlsmith.VerifyError):
        return Verdict(error.reason, str(error))
    is_input = isinstance(error, (tlsmith.CertError, tlsmith.ConfigError))
    return Verdict("not_loaded" if is_input else "failed", str(error))


@_native
def native_verify(row):
    chain = [tlsmith.Certificate.from_der(one.der) for one in row.chain]
    hostname = row.host if row.usage == "server" else None
    native_trust(row).verify(chain, hostname=hostname, usage=row.usage, **row.native_options)


@_native
def native_connection(row, files):
    trust, is_client = native_trust(row), row.usage == "server"
    if is_client:
        checks = {} if row.host is not None else {"check_hostname": False}
        judged = tlsmith.Client(trust=trust, **checks).buffer(row.host)
    else:
        site = tlsmith.Identity.load(files.site)
        judged = tlsmith.Server(site, client_trust=trust).buffer()

    def step(data):
        if data:
            judged.receive_data(data)
        try:
            judged.do_handshake()
        except tlsmith.WantRead:
            return False, judged.data_to_send()
        return True, judged.data_to_send()

    _shake_hands(step, Peer(row, files), is_client)


# C.

_STATUSES = {
    -5: ["not_loaded"],
    -30: ["not_an_end_entity", "wrong_usage", "constraint", "malformed", "bad_signature", "other"],
    -31: ["unknown_issuer", "bad_signature", "not_an_end_entity"],
    -32: ["name_mismatch"],
    -33: ["expired", "not_yet_valid"],
    -34: ["revoked", "unknown_revocation"],
    -36: ["pin_mismatch"],
    -41: ["not_loaded"],
}
"""A status of C says no more than that it is one of these reasons."""


def c_verify(row, files, driver):
    return _c_verdict(driver.run("verify", chain=files.chain, **_c_settings(row, files)))


def c_connection(row, files, driver):
    is_client = row.usage == "server"
    ours, theirs = socket.socketpair()
    settings = _c_settings(row, files)
    if not is_client:
        settings["identity"] = files.site
    with ours, theirs:
        ours.settimeout(PATIENCE)
        action = "connect" if is_client else "accept"
        with driver.start(action, theirs, **settings) as process:
            theirs.close()
            peer = Peer(row, files)
            _converse(ours, peer, is_client)
            output, _ = process.communicate(timeout=PATIENCE)
    return _c_verdict(output)


def _converse(sock, peer, peer_waits):
    """Carries bytes between a socket and the peer until the socket is closed."""
    try:
        if not peer_waits:
            sock.sendall(peer.answer())
        while data := sock.recv(65536):
            sock.sendall(peer.answer(data))
    except ConnectionError:
        # The driver is done, and did not wait for the last words.
        pass


def _c_settings(row, files):
    settings = dict(row.c_options)
    if row.insecure:
        settings["insecure"] = 1
    elif row.pinned:
        settings["pinned"] = row.chain[0].sha256
    else:
        settings["roots"] = files.trust
    if row.crls:
        settings["crls"] = files.crls
    if row.host is not None and row.usage == "server":
        settings["name"] = row.host
    if row.common_name:
        settings["common_name"] = 1
    settings["usage"] = row.usage
    return settings


def _c_verdict(output):
    status, _, sentence = output.partition("\n")
    status = int(status)
    if status == 0:
        return Verdict(OK)
    return Verdict(f"status {status}", sentence.strip(), _STATUSES.get(status, ["failed"]))
