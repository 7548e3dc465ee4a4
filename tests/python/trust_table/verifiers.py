"""Runs each verifier on a row and returns its result.

In a handshake the peer is always the standard library's `ssl` at security level 0, so that
it presents any certificate.
"""

import functools
import hashlib
import re
import socket
import ssl
import subprocess

import tlsmith
import tlsmith.ssl

from . import keys, pki
from .driver import ROOT
from .openssl import name_of

OK = "accepted"
PATIENCE = 30
"""The timeout of a verifier, in seconds."""

_MOST_TURNS = 10


class Result:
    """What a verifier returned.

    `reason` is OK, the reason of a VerifyError, or the name of an X509_V_ERR code.  It is
    "not_loaded" if loading a certificate or a CRL failed, and "failed" if the handshake
    failed for another reason.
    """

    def __init__(self, reason, sentence=""):
        self.reason = reason
        self.sentence = sentence

    def is_(self, wanted):
        """Return whether it is one of the expected results."""
        return self.reason in wanted.split()

    def __repr__(self):
        return f"{self.reason} ({self.sentence})" if self.sentence else self.reason


class Files:
    """PEM files with the certificates and CRLs of a row."""

    def __init__(self, row, folder):
        self.chain, self.trust, self.crls = (
            folder / name for name in ("chain.pem", "trust.pem", "crls.pem")
        )
        self.chain.write_text("".join(one.pem for one in row.chain))
        self.trust.write_text("".join(one.pem for one in row.trust))
        self.crls.write_text("".join(one.pem for one in row.crls or ()))
        self.key = folder / "key.pem"
        self.key.write_text(keys.private_pem(row.chain[0].key))
        self.site = _site(folder)


def _site(folder):
    """Write the identity of a server that verifies a client; nothing verifies it."""
    site = pki.leaf(pki.root(subject="CN=Root of the site"))
    path = folder / "site.pem"
    path.write_text(site.pem + keys.private_pem(site.key))
    return path


# The peer.


class Peer:
    """The standard library's `ssl` in memory, presenting the chain of a row."""

    def __init__(self, row, files):
        is_client = row.usage == "client"
        protocol = ssl.PROTOCOL_TLS_CLIENT if is_client else ssl.PROTOCOL_TLS_SERVER
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        if row.tls12:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(files.chain, files.key)
        self.has_failed = False
        self._into, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._into, self._out, server_side=not is_client)

    def answer(self, data=b""):
        """Receive data and return the reply."""
        self._into.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            # The verifier reports why, if there is an alert.
            self.has_failed = True
        return self._out.read()


def _assert_peer(shown, row):
    """Assert that a program learns which certificate was accepted."""
    assert shown == row.chain[0].sha256, f"{row.name}: the peer's certificate is {shown}"


def _sha256(der):
    return der and hashlib.sha256(der).hexdigest()


def _shake_hands(step, peer, is_client):
    """Complete a handshake with the peer.

    `step` receives data and returns whether the handshake is complete, and the reply.
    """
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
        return Result(name_of(error.verify_code), error.verify_message)
    except ssl.SSLError as error:
        return Result(error.reason or "failed", str(error))
    return Result(OK)


def _ssl_context(module, row, files):
    is_client = row.usage == "server"
    protocol = module.PROTOCOL_TLS_CLIENT if is_client else module.PROTOCOL_TLS_SERVER
    context = module.SSLContext(protocol)
    if is_client:
        context.check_hostname = row.host is not None
    else:
        context.load_cert_chain(files.site)
        context.verify_mode = module.CERT_REQUIRED
    if row.insecure and is_client:
        context.check_hostname, context.verify_mode = False, module.CERT_NONE
    elif row.insecure:
        # It asks for no certificate that it does not verify: trusting that one comes nearest.
        context.load_verify_locations(files.chain)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.set_ciphers("ALL:@SECLEVEL=0")
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
    verifier = context.wrap_bio(into, out, server_side=not is_client, server_hostname=name)

    def step(data):
        into.write(data)
        try:
            verifier.do_handshake()
        except ssl.SSLWantReadError:
            return False, out.read()
        return True, out.read()

    _shake_hands(step, Peer(row, files), is_client)
    return verifier


def openssl_verify(row, files):
    """Run `openssl verify`, where nothing is verified with the certificate as trust."""
    trust = files.chain if row.insecure else files.trust
    command = ["openssl", "verify", "-auth_level", "2", "-CAfile", trust]
    command += ["-untrusted", files.chain]
    command += ["-no-CApath", "-no-CAstore"]
    if row.purpose is None:
        command += ["-purpose", f"ssl{row.usage}"]
        if row.usage == "server" and row.host is not None:
            command += ["-verify_hostname", row.host]
    if row.client_name is not None:
        kind = "email" if "@" in row.client_name else "hostname"
        command += [f"-verify_{kind}", row.client_name]
    if row.max_depth is not None:
        command += ["-verify_depth", str(row.max_depth)]
    command += [*row.verify_options, files.chain]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode == 0:
        return Result(OK)
    first = re.search(r"^error (\d+) .*: (.*)$", done.stderr + done.stdout, re.MULTILINE)
    assert first, f"{command} says {done.stdout} {done.stderr}"
    return Result(name_of(int(first[1])), first[2])


# tlsmith.ssl.


def tlsmith_ssl(row, files, ciphers=None):
    try:
        if row.pinned:
            # `ssl` has no pins, so the context comes from a native client.
            check_hostname = row.host is not None
            client = tlsmith.Client(trust=native_trust(row), check_hostname=check_hostname)
            context = client.ssl_context()
        else:
            context = _ssl_context(tlsmith.ssl, row, files)
        if ciphers is not None:
            context.set_ciphers(ciphers)
        verifier = _ssl_handshake(context, row, files)
        _assert_peer(_sha256(verifier.getpeercert(True)), row)
    except ssl.SSLError as error:
        cause = error.__cause__
        return _native_result(cause) if cause else Result("failed", str(error))
    return Result(OK)


# Native Python.


def native_trust(row):
    if row.insecure:
        return tlsmith.INSECURE
    if row.pinned == "file":
        return tlsmith.Trust.pinned(tlsmith.Certificate.from_der(row.chain[0].der))
    if row.pinned:
        return tlsmith.Trust.pinned(tlsmith.Pin.cert(row.chain[0].sha256))
    trust = tlsmith.Trust.roots(*(tlsmith.Certificate.from_der(one.der) for one in row.trust))
    if row.crls is not None:
        trust = trust.with_crls(*(tlsmith.CRL.from_der(one.der) for one in row.crls))
    return trust


def _native(run):
    """Convert exceptions to results."""

    @functools.wraps(run)
    def wrapped(*arguments):
        try:
            run(*arguments)
        except tlsmith.Error as error:
            return _native_result(error)
        return Result(OK)

    return wrapped


def _native_result(error):
    if isinstance(error, tlsmith.VerifyError):
        return Result(error.reason, str(error))
    is_input = isinstance(error, (tlsmith.CertError, tlsmith.ConfigError))
    return Result("not_loaded" if is_input else "failed", str(error))


@_native
def native_verify(row):
    chain = [tlsmith.Certificate.from_der(one.der) for one in row.chain]
    options = {"hostname": _name_of(row), "usage": row.purpose or row.usage}
    native_trust(row).verify(chain, **options, **_depth(row))


def _name_of(row):
    """Return the name that verifiers without a connection are given."""
    if row.purpose is not None:
        return None
    return row.host if row.usage == "server" else row.client_name


def _depth(row):
    return {} if row.max_depth is None else {"max_depth": row.max_depth}


@_native
def native_connection(row, files):
    trust, is_client = native_trust(row), row.usage == "server"
    if is_client:
        checks = {} if row.host is not None else {"check_hostname": False}
        verifier = tlsmith.Client(trust=trust, **checks, **_depth(row)).buffer(row.host)
    else:
        site = tlsmith.Identity.load(files.site)
        verifier = tlsmith.Server(site, client_trust=trust, **_depth(row)).buffer()

    def step(data):
        if data:
            verifier.receive_data(data)
        try:
            verifier.do_handshake()
        except tlsmith.WantRead:
            return False, verifier.data_to_send()
        return True, verifier.data_to_send()

    _shake_hands(step, Peer(row, files), is_client)
    _assert_peer(verifier.peer.sha256.hex(), row)


# C.


def _reasons():
    """The reason that each status of C stands for, by the names in the header."""
    header = (ROOT / "include" / "tlsmith.h").read_text()
    codes = re.findall(r"TLSMITH_ERR_CERT_(\w+) = (-\d+)", header)
    reasons = {int(code): name.lower() for name, code in codes}
    codes = dict(re.findall(r"TLSMITH_ERR_(CERT|PARSE|UNSUPPORTED) = (-\d+)", header))
    not_loaded = (int(codes["PARSE"]), int(codes["UNSUPPORTED"]))
    return reasons | {int(codes["CERT"]): "other"} | dict.fromkeys(not_loaded, "not_loaded")


_REASONS = _reasons()


def c_verify(row, files, driver):
    settings = _c_settings(row, files)
    if (name := _name_of(row)) is not None:
        settings["name"] = name
    if row.purpose != "any":
        settings["purpose"] = row.purpose or row.usage
    return _c_result(driver.run("verify", chain=files.chain, **settings), files)


def c_connection(row, files, driver):
    is_client = row.usage == "server"
    ours, theirs = socket.socketpair()
    settings = _c_settings(row, files)
    if not is_client:
        settings["identity"] = files.site
    elif row.host is not None:
        settings["name"] = row.host
    with ours, theirs:
        ours.settimeout(PATIENCE)
        action = "connect" if is_client else "accept"
        with driver.start(action, theirs, **settings) as process:
            theirs.close()
            try:
                _converse(ours, Peer(row, files), is_client)
                output, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
    result = _c_result(output, files)
    if result.is_(OK):
        _assert_peer(output.splitlines()[1], row)
    return result


def _converse(sock, peer, peer_waits):
    """Carry bytes between a socket and the peer until the socket is closed."""
    try:
        if not peer_waits:
            sock.sendall(peer.answer())
        while not peer.has_failed and (data := sock.recv(65536)):
            sock.sendall(peer.answer(data))
        sock.shutdown(socket.SHUT_WR)
    except ConnectionError:
        # The driver may exit before it reads the last reply.
        pass


def _c_settings(row, files):
    settings = _depth(row)
    if row.insecure:
        settings["insecure"] = 1
    elif row.pinned:
        settings["pinned"] = files.chain if row.pinned == "file" else row.chain[0].sha256
    else:
        settings["roots"] = files.trust
    if row.crls:
        settings["crls"] = files.crls
    if row.common_name:
        settings["common_name"] = 1
    if row.flags & ssl.VERIFY_X509_STRICT:
        settings["strict"] = 1
    return settings


def _c_result(output, files):
    status, _, sentence = output.partition("\n")
    status = int(status)
    if status == 0:
        return Result(OK)
    # Python gets the same certificates from memory.
    for path in (files.chain, files.trust, files.crls):
        sentence = sentence.removeprefix(f"'{path}': ")
    return Result(_REASONS.get(status, "failed"), sentence.strip())
