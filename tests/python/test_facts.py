"""What is known about a connection: what was agreed, exported, bound and stapled; and
why a peer was refused."""

import hashlib
import ssl
import subprocess

import pytest
from conftest import (
    PATIENCE,
    a_key,
    exchange,
    memory_pair,
    refused,
    socketpair,
    ssl_context,
    thread,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import tlsmith
from tlsmith import testing

VERSIONS = ["1.2", "1.3"]


# What was agreed.


@pytest.mark.parametrize("version", VERSIONS)
def test_info_has_negotiated_parameters(ca, identity, version):
    client = tlsmith.Client(trust=ca, alpn=["h2"], max_version=version)
    server = tlsmith.Server(identity, alpn=["h2"])
    near, far = memory_pair(client, server)
    ours, theirs = near.info, far.info
    assert isinstance(ours, tuple) and ours == tlsmith.Info(*ours)
    assert ours._replace(signature_scheme=None) == theirs._replace(signature_scheme=None)
    expected = {
        "version": version,
        "cipher": {"1.2": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}.get(
            version, "TLS_AES_256_GCM_SHA384"
        ),
        "group": "X25519MLKEM768" if version == "1.3" else "x25519",
        "alpn": "h2",
        "server_name": "localhost",
        "resumed": False,
        "signature_scheme": "ecdsa_secp256r1_sha256",
        "early_data": "none",
        "ech": "none",
    }
    got = ours._asdict()
    assert got["cipher"].endswith("SHA384") or got["cipher"].endswith("SHA256")
    assert {**got, "cipher": None} == {**expected, "cipher": None}
    assert theirs.signature_scheme is None, "the client did not sign"
    near, far = memory_pair(client, server)
    assert near.info.resumed and far.info.resumed
    assert near.info.signature_scheme is None
    assert near.peer == identity.cert, "the session knows it"
    assert far.peer is None and far.peer_chain == () == far.verified_chain


def test_peer_chain_is_as_sent(ca):
    middle = ca.intermediate()
    site = middle.issue("localhost")
    near, _ = memory_pair(tlsmith.Client(trust=ca), tlsmith.Server(site))
    assert near.peer_chain == (site.cert, middle.cert)
    assert near.verified_chain == (site.cert, middle.cert, ca.cert)


FACTS_OF_PEERS = ["info", "peer", "peer_chain", "verified_chain", "ocsp_response"]


@pytest.mark.parametrize("name", FACTS_OF_PEERS)
def test_peer_completes_the_handshake(name, ca, identity):
    alice = ca.issue_client("alice@example.org")
    client = tlsmith.Client(trust=ca, identity=alice)
    server = tlsmith.Server(identity, client_trust=ca)
    near, far = socketpair()
    with thread(lambda: client.wrap(near, "localhost")) as connecting:
        theirs = server.wrap(far, handshake=False)
        found = getattr(theirs, name)
    with connecting.result, theirs:
        assert not theirs.handshaking
        expected = {
            "peer": alice.cert,
            "peer_chain": (alice.cert,),
            "verified_chain": (alice.cert, ca.cert),
            "ocsp_response": None,
        }
        assert name == "info" or found == expected[name]


@pytest.mark.parametrize("name", FACTS_OF_PEERS)
def test_connection_without_io_has_no_peer_before_handshake(name, server):
    with pytest.raises(tlsmith.Error, match="the handshake is not complete") as caught:
        getattr(server.buffer(), name)
    assert caught.value.code == "state"


@pytest.mark.parametrize("name", FACTS_OF_PEERS)
def test_peer_raises_the_handshake_error(name, server):
    near, far = socketpair()
    with near, server.wrap(far, handshake=False) as sock:
        sock.setblocking(False)
        with pytest.raises(tlsmith.WantRead):
            getattr(sock, name)
        near.sendall(b"GET / HTTP/1.0\r\n\r\n")
        sock.settimeout(PATIENCE)
        for _ in range(2):
            with pytest.raises(tlsmith.HandshakeError):
                getattr(sock, name)


def test_handshake_bytes_are_counted(client, server):
    near, far = client.buffer("localhost"), server.buffer()
    assert near.handshake_bytes is None
    counted = [0, 0]
    while near.handshaking or far.handshaking:
        for index, (source, sink) in enumerate(((near, far), (far, near))):
            data = source.data_to_send()
            counted[index] += len(data)
            if data:
                sink.receive_data(data)
    received, sent = near.handshake_bytes
    assert sent == counted[0] and 0 < received <= counted[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_report_is_readable_text(client, server, version):
    near, far = memory_pair(client.replace(max_version=version), server)
    for side, parts in (
        (near, ["localhost", f"TLS {version}", near.info.cipher, "ecdsa-p256"]),
        (far, [f"TLS {version}", far.info.cipher]),
    ):
        report = side.report()
        assert len(report.splitlines()) > 3
        for part in parts:
            assert part in report


def test_ocsp_response_returns_stapled_bytes(ca, identity, client):
    near, _ = memory_pair(client, tlsmith.Server(identity))
    assert near.ocsp_response is None
    near, far = memory_pair(client, tlsmith.Server(identity, ocsp=b"0\x03\x0a\x01\x06"))
    assert near.ocsp_response == b"0\x03\x0a\x01\x06"
    assert far.ocsp_response is None
    with pytest.raises(tlsmith.CertError, match="OCSP"):
        tlsmith.Server(identity, ocsp=b"-----BEGIN OCSP-----")
    with pytest.raises(TypeError):
        tlsmith.Server(identity, ocsp="text")


# Exported keys.


@pytest.mark.parametrize("version", VERSIONS)
def test_both_sides_export_the_same(client, server, version):
    near, far = memory_pair(client.replace(max_version=version), server)
    seen = set()
    for arguments in (
        ("label", 32),
        ("label", 32, b"context"),
        ("other", 33, bytearray(b"context")),
        ("more", 8160),
    ):
        exported = near.export(*arguments)
        assert exported == far.export(*arguments)
        assert len(exported) == arguments[1]
        seen.add(exported[:16])
    assert len(seen) == 4
    no_context = near.export("label", 32)
    assert (near.export("label", 32, b"") == no_context) is (version == "1.3")
    other, _ = memory_pair(client.replace(max_version=version), server)
    assert other.export("label", 32) != no_context


def test_invalid_export_length_is_rejected(client, server):
    near, _ = memory_pair(client, server)
    for length in (0, 8161, 2**40, 2**62, 2**63 - 1):
        with pytest.raises(tlsmith.ConfigError, match=f"{length} bytes.*8160"):
            near.export("label", length)
    with pytest.raises(ValueError, match="-1"):
        near.export("label", -1)
    with pytest.raises(OverflowError):
        near.export("label", 2**64)
    with pytest.raises(tlsmith.ConfigError, match="300 bytes"):
        near.export("x" * 300, 32)
    with pytest.raises(tlsmith.ConfigError, match="context"):
        near.export("label", 32, bytes(70_000))
    with pytest.raises(tlsmith.Error) as caught:
        client.buffer("localhost").export("label", 32)
    assert caught.value.code == "state"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_exporter_binding_is_the_same_on_both_sides(client, server, version):
    near, far = memory_pair(client.replace(max_version=version), server)
    binding = near.channel_binding()
    assert binding == near.channel_binding("tls-exporter") == far.channel_binding()
    assert binding == near.export("EXPORTER-Channel-Binding", 32, b"")
    assert memory_pair(client, server)[0].channel_binding() != binding


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048"])
def test_the_end_point_binding_is_the_fingerprint_of_the_certificate(kind, version):
    ca = tlsmith.CA(key=a_key(kind))
    site = ca.issue("localhost")
    client, server = tlsmith.Client(trust=ca, max_version=version), tlsmith.Server(site)
    theirs = x509.load_der_x509_certificate(site.cert.der)
    expected = theirs.fingerprint(theirs.signature_hash_algorithm)
    for _ in "first", "resumed":
        for side in memory_pair(client, server):
            assert side.channel_binding("tls-server-end-point") == expected


def test_server_end_point_binding_uses_presented_certificate():
    ca = tlsmith.CA(key=a_key("ecdsa-p384"))
    sites = [ca.issue("a.example"), ca.issue("b.example")]
    for server in tlsmith.Server(sites), tlsmith.Server(sites[0], on_hello=lambda _: sites[1]):
        client = tlsmith.Client(trust=ca)
        near, far = memory_pair(client, server, "b.example")
        expected = hashlib.sha384(sites[1].cert.der).digest()
        assert near.channel_binding("tls-server-end-point") == expected
        assert far.channel_binding("tls-server-end-point") == expected


RSA, PSS, EC = ("rsa:2048",), ("rsa:2048", "-sigopt", "rsa_padding_mode:pss"), ("ec",)
DIGESTS = ["sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"]


# OpenSSL 3.0 makes no signature of RSASSA-PSS with SHA-3.
SIGNATURES = [(key, one) for key in (RSA, EC) for one in DIGESTS]
SIGNATURES += [(PSS, one) for one in DIGESTS[:5]]


@pytest.mark.parametrize("key, digest", SIGNATURES)
def test_the_end_point_binding_has_the_hash_of_every_signature(key, digest, tmp_path):
    kind, *options = key
    if kind == "ec":
        options += ["-pkeyopt", "ec_paramgen_curve:P-256"]
    cert, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", kind, *options, f"-{digest}", "-noenc"]
    names = ["-subj", "/CN=x", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", secret, "-out", cert], check=True)
    site = tlsmith.Identity.load(cert, secret)
    theirs = x509.load_der_x509_certificate(site.cert.der)
    algorithm = theirs.signature_hash_algorithm
    assert algorithm.name == digest
    expected = theirs.fingerprint(hashes.SHA256() if digest == "sha1" else algorithm)
    trust = tlsmith.Trust.pinned(site.cert)
    for side in memory_pair(tlsmith.Client(trust=trust), tlsmith.Server(site)):
        assert side.channel_binding("tls-server-end-point") == expected


@pytest.mark.parametrize("kind", ["ed25519", "ed448", "ml-dsa-44"])
def test_no_end_point_binding_is_defined_for_signatures_without_a_hash(kind):
    ca = tlsmith.CA(key=a_key(kind))
    for side in memory_pair(tlsmith.Client(trust=ca), tlsmith.Server(ca.issue("localhost"))):
        with pytest.raises(tlsmith.ConfigError, match="RFC 5929.*use tls-exporter") as caught:
            side.channel_binding("tls-server-end-point")
        assert caught.value.code == "config.unsupported"
        assert len(side.channel_binding("tls-exporter")) == 32


def test_channel_binding_needs_known_type_and_handshake(client, server):
    near = memory_pair(client, server)[0]
    for kind in "tls-unique", "", "TLS-Exporter", "tls-exporter\0":
        with pytest.raises(tlsmith.ConfigError, match="use tls-exporter or tls-server-end-point"):
            near.channel_binding(kind)
    for kind in None, b"tls-exporter", 1:
        with pytest.raises(TypeError, match="kind"):
            near.channel_binding(kind)
    for kind in "tls-exporter", "tls-server-end-point":
        with pytest.raises(tlsmith.Error) as caught:
            client.buffer("localhost").channel_binding(kind)
        assert caught.value.code == "state"


@pytest.mark.parametrize("ours", ["client", "server"])
def test_refresh_keys_works_with_ssl_peer(ca, identity, ours):
    near, far = socketpair()
    version = ssl.TLSVersion.TLSv1_3
    if ours == "client":
        context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity, version=version)
        options = {"server_side": True}
    else:
        context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca, version=version)
        options = {"server_hostname": "localhost"}

    def echo():
        with context.wrap_socket(far, **options) as tls:
            while part := tls.recv(1000):
                tls.sendall(part)

    with thread(echo):
        if ours == "client":
            sock = tlsmith.Client(trust=ca).wrap(near, "localhost")
        else:
            sock = tlsmith.Server(identity).wrap(near)
        with sock:
            for word in (b"one", b"two", b"three"):
                sock.refresh_keys()
                sock.sendall(word)
                assert sock.recv() == word


def test_tls_1_2_cannot_refresh_keys(client, server):
    near, _ = memory_pair(client.replace(max_version="1.2"), server)
    with pytest.raises(tlsmith.ConfigError, match=r"TLS 1\.2") as caught:
        near.refresh_keys()
    assert caught.value.code == "config.unsupported"


def test_refresh_keys_works_without_io(client, server):
    near, far = memory_pair(client, server)
    for side, other in ((near, far), (far, near)):
        side.refresh_keys()
        side.write(b"new keys")
        exchange(near, far)
        assert other.read() == b"new keys"


# Why a peer is refused.

CODES = {
    "expired": 10,
    "not_yet_valid": 9,
    "unknown_issuer": 20,
    "name_mismatch": 62,
    "wrong_usage": 26,
    "bad_signature": 7,
    "constraint": 47,
    "path_too_long": 25,
    "weak_key": 66,
    "not_an_end_entity": 79,
    "revoked": 23,
}


@pytest.mark.parametrize("kind", testing.KINDS)
def test_every_kind_of_bad_certificate_has_its_reason_and_code(kind):
    (bad,) = (bad for bad in testing.bad() if bad.name == kind)
    client = tlsmith.Client(trust=bad.trust)
    error, alert = refused(client, tlsmith.Server(bad.identity), bad.hostname)
    assert type(error) is tlsmith.VerifyError
    assert error.reason == bad.reason and error.code == f"verify.{bad.reason}"
    assert error.hostname == bad.hostname
    # Of a key that does not fit it is the signature that is refused.
    assert error.chain == (() if kind == "key-mismatch" else bad.identity.chain)
    assert isinstance(error.verify_code, int) and error.verify_code > 0
    if bad.reason in CODES and bad.reason != "unknown_issuer":
        assert error.verify_code == CODES[bad.reason]
    assert isinstance(alert, tlsmith.AlertError) and 40 <= alert.alert_number <= 120


def test_openssl_has_the_same_number_for_what_is_unknown(ca, identity):
    stranger = tlsmith.CA("Stranger")
    middle = stranger.intermediate()
    site = stranger.issue("localhost")
    with_root = tlsmith.Identity.load(site.cert_pem, site.key, chain=stranger.cert_pem)
    (alone,) = testing.bad("self-signed")
    for shown, code in (
        (middle.issue("localhost"), 20),
        (site, 20),
        (with_root, 19),
        (alone.identity, 18),
    ):
        error, _ = refused(tlsmith.Client(trust=ca), tlsmith.Server(shown))
        assert (error.reason, error.verify_code) == ("unknown_issuer", code)
    error, _ = refused(tlsmith.Client(trust=ca), tlsmith.Server(identity), "127.9.9.9")
    assert (error.reason, error.verify_code) == ("name_mismatch", 64)


@pytest.mark.parametrize("check", ["leaf", "chain"])
@pytest.mark.parametrize("unknown", ["fail", "allow"])
def test_crl_strictness_is_applied(check, unknown):
    ca = tlsmith.CA("Root")
    middle = ca.intermediate()
    site, revoked = middle.issue("localhost"), middle.issue("localhost")
    middle.revoke(revoked)
    trust = tlsmith.Trust.roots(ca)
    client = tlsmith.Client(trust=trust.with_crls(middle.crl(), check=check, unknown=unknown))
    if (check, unknown) != ("chain", "fail"):
        error, alert = refused(client, tlsmith.Server(revoked))
        assert (error.reason, error.verify_code) == ("revoked", 23)
        assert alert.alert == "certificate_revoked"
    else:
        error, _ = refused(client, tlsmith.Server(site))
        assert (error.reason, error.verify_code) == ("unknown_revocation", 3)
        client = tlsmith.Client(trust=trust.with_crls(middle.crl(), ca.crl()))
    memory_pair(client, tlsmith.Server(site))[0].do_handshake()
    for wrong in ({"check": "all"}, {"unknown": "ignore"}):
        with pytest.raises(tlsmith.ConfigError, match=next(iter(wrong.values()))):
            trust.with_crls(middle.crl(), **wrong)


def test_client_without_certificate_has_verify_error(ca, identity):
    server = tlsmith.Server(identity, client_trust=ca)
    near, far = memory_pair(tlsmith.Client(trust=ca), server)
    with pytest.raises(tlsmith.VerifyError) as caught:
        far.read()
    error = caught.value
    assert (error.reason, error.chain, error.hostname) == ("missing", (), None)
    with pytest.raises(tlsmith.AlertError) as caught:
        near.read()
    assert (caught.value.alert, caught.value.alert_number) == ("certificate_required", 116)
    optional = server.replace(client_auth="optional")
    assert memory_pair(tlsmith.Client(trust=ca), optional)[1].peer is None


def test_alerts_are_received_in_both_directions_with_ssl(ca):
    stranger = tlsmith.CA("Stranger").issue("localhost")
    near, far = socketpair()
    context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca)

    def talk():
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(near, server_hostname="localhost")
        near.close()

    with thread(talk):
        with pytest.raises(tlsmith.AlertError, match="unknown_ca") as caught:
            tlsmith.Server(stranger).wrap(far)
    assert (caught.value.alert, caught.value.alert_number) == ("unknown_ca", 48)
    near, far = socketpair()
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, stranger)

    def serve():
        with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
            context.wrap_socket(far, server_side=True)

    with thread(serve):
        with pytest.raises(tlsmith.VerifyError):
            tlsmith.Client(trust=ca).wrap(near, "localhost")
