"""Settings of clients and servers that say how peers sign, what their certificates must
have, and how sessions and records are."""

import pickle
import ssl

import pytest
from conftest import a_key, exchange, memory_pair, refused, socketpair, ssl_context, thread
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from test_ssl_verification import strange_chain

import tlsmith

BOTH_VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


def is_accepted(client, server, **own):
    near, far = client.buffer("localhost", **own), server.buffer()
    exchange(near, far)
    try:
        near.do_handshake()
        far.do_handshake()
    except tlsmith.Error:
        return False
    return True


# Signatures.


@BOTH_VERSIONS
def test_servers_sign_with_the_schemes_that_the_client_verifies(client, ca, version):
    server = tlsmith.Server(ca.issue("localhost", key=a_key("rsa-2048")))
    client = client.replace(max_version=version)
    for scheme in ("rsa_pss_rsae_sha512", "rsa_pss_rsae_sha256"):
        near, _ = memory_pair(client.replace(verify_schemes=[scheme]), server)
        assert near.info.signature_scheme == scheme
    assert not is_accepted(client.replace(verify_schemes=["ed25519"]), server)


@BOTH_VERSIONS
def test_servers_sign_with_the_schemes_that_they_are_limited_to(client, ca, version):
    rsa = ca.issue("localhost", key=a_key("rsa-2048"))
    client = client.replace(max_version=version)
    for scheme in ("rsa_pss_rsae_sha512", "rsa_pss_rsae_sha256"):
        near, _ = memory_pair(client, tlsmith.Server(rsa, signing_schemes=[scheme]))
        assert near.info.signature_scheme == scheme
    server = tlsmith.Server(rsa, signing_schemes=["rsa_pss_rsae_sha512"])
    assert not is_accepted(client.replace(verify_schemes=["rsa_pss_rsae_sha256"]), server)


@BOTH_VERSIONS
def test_clients_sign_with_the_schemes_that_both_allow(client, ca, identity, version):
    rsa = ca.issue_client("alice@example.org", key=a_key("rsa-2048"))
    client = client.replace(identity=rsa, max_version=version)
    server = tlsmith.Server(identity, client_trust=ca)
    limited = client.replace(signing_schemes=["rsa_pss_rsae_sha384"])
    _, far = memory_pair(limited, server)
    assert far.info.signature_scheme == "rsa_pss_rsae_sha384"
    assert not is_accepted(limited, server.replace(verify_schemes=["rsa_pss_rsae_sha256"]))


def test_schemes_that_the_key_has_not_are_refused(ca, identity):
    for make in (
        lambda names: tlsmith.Server(identity, signing_schemes=names),
        lambda names: tlsmith.Client(trust=ca, identity=identity, signing_schemes=names),
    ):
        with pytest.raises(tlsmith.ConfigError, match="ecdsa_secp256r1_sha256"):
            make(["ed25519"])
        for nonsense in ([], ["sha1"], [""]):
            with pytest.raises(tlsmith.ConfigError):
                make(nonsense)
    for nonsense in ([], ["sha1"], [""]):
        with pytest.raises(tlsmith.ConfigError):
            tlsmith.Client(trust=ca, verify_schemes=nonsense)


def test_schemes_hold_in_contexts_of_ssl(client, ca):
    rsa = ca.issue("localhost", key=a_key("rsa-2048"))
    context = client.replace(verify_schemes=["rsa_pss_rsae_sha384"]).ssl_context()
    near, far = socketpair()
    with thread(lambda: tlsmith.Server(rsa).wrap(far)) as accepting:
        tls = context.wrap_socket(near, server_hostname="localhost")
    with tls, accepting.result:
        assert tls.info.signature_scheme == "rsa_pss_rsae_sha384"


def test_identity_is_presented_only_to_peers_naming_its_issuer(client, ca, identity):
    other = tlsmith.CA()
    alice = ca.issue_client("alice@example.org")
    theirs = tlsmith.Server(identity, client_trust=other, client_auth="optional")
    ours = theirs.replace(client_trust=ca)
    bold, shy = (client.replace(identity=alice, match_issuer=one) for one in (False, True))
    assert not is_accepted(bold, theirs)
    near, far = memory_pair(shy, theirs)
    assert (near.handshaking, far.peer) == (False, None)
    _, far = memory_pair(shy, ours)
    assert far.peer == alice.cert


def test_server_presents_identity_only_to_clients_naming_its_issuer(ca, identity):
    context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca)
    near, far = socketpair()

    def serve():
        with pytest.raises(tlsmith.HandshakeError):
            tlsmith.Server(identity, match_issuer=True).wrap(far)

    # OpenSSL's clients name nobody.
    with thread(serve), pytest.raises(ssl.SSLError):
        context.wrap_socket(near, server_hostname="localhost")


@BOTH_VERSIONS
def test_hello_retried_reports_hello_retry_request(client, server, version):
    client = client.replace(max_version=version, groups=["x25519", "secp384r1"])
    for groups, retried in ((["x25519"], False), (["secp384r1"], version == "1.3")):
        near, far = client.buffer("localhost"), server.replace(groups=groups).buffer()
        assert near.hello_retried is far.hello_retried is None
        exchange(near, far)
        assert near.hello_retried is far.hello_retried is retried


# Certificates.


def test_min_security_rejects_weak_keys(client, ca, identity):
    rsa = tlsmith.Server(ca.issue("localhost", key=a_key("rsa-2048")))
    for bits, accepted in ((112, True), (128, False), (192, False)):
        assert is_accepted(client.replace(min_security=bits), rsa) is accepted
    error, _ = refused(client.replace(min_security=128), rsa)
    assert error.reason == "weak_key"
    weak = ca.issue_client("alice@example.org", key=a_key("rsa-2048"))
    server = tlsmith.Server(identity, client_trust=ca, min_security=128)
    assert not is_accepted(client.replace(identity=weak), server)
    assert is_accepted(client.replace(identity=ca.issue_client("bob@example.org")), server)
    for nonsense in (0, 80, 113, -1, 512):
        with pytest.raises(tlsmith.ConfigError, match="min_security"):
            client.replace(min_security=nonsense)


@pytest.mark.parametrize("without", ["nothing", "keyUsage of the CA"])
def test_strict_peers_refuse_what_departs_from_rfc_5280(without):
    root, leaf, key = strange_chain(without)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    server = tlsmith.Server(tlsmith.Identity.load(leaf.public_bytes(Encoding.PEM), pem))
    client = tlsmith.Client(trust=root.public_bytes(Encoding.PEM))
    assert is_accepted(client, server)
    assert is_accepted(client.replace(strict=True), server) is (without == "nothing")


def test_allow_common_name_uses_the_common_name():
    (case,) = tlsmith.testing.bad("cn-only")
    server = tlsmith.Server(case.identity)
    client = tlsmith.Client(trust=case.trust)
    assert not is_accepted(client, server)
    allowing = client.replace(allow_common_name=True)
    assert is_accepted(allowing, server)
    (case,) = tlsmith.testing.bad("wrong-host")
    wrong = allowing.replace(trust=case.trust)
    assert not is_accepted(wrong, tlsmith.Server(case.identity))
    assert allowing.ssl_context().hostname_checks_common_name is True
    assert client.ssl_context().hostname_checks_common_name is False


def test_bundled_roots_are_trusted_on_request(client, server, ca):
    bundled = tlsmith.Trust.bundled()
    assert repr(bundled) == "<tlsmith.Trust 0 roots, bundled>" and len(bundled) == 0
    error, _ = refused(tlsmith.Client(trust=bundled), server)
    assert error.reason == "unknown_issuer"
    both = pickle.loads(pickle.dumps(bundled | ca))
    assert repr(both) == "<tlsmith.Trust 1 roots, bundled>"
    assert is_accepted(tlsmith.Client(trust=both), server)
    revoking = bundled.with_crls(ca.crl())
    assert "bundled" in repr(revoking)
    context = tlsmith.Client(trust=bundled).ssl_context()
    near, far = socketpair()

    def serve():
        with pytest.raises(tlsmith.AlertError, match="unknown_ca"):
            server.wrap(far)

    with thread(serve), pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(near, server_hostname="localhost")


# What is negotiated.


def test_server_selects_by_its_own_cipher_order(client, identity):
    order = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
    client = client.replace(ciphers=order)
    for prefers, expected in ((False, order[0]), (True, order[1])):
        server = tlsmith.Server(identity, ciphers=order[::-1], prefer_own_ciphers=prefers)
        near, _ = memory_pair(client, server)
        assert near.info.cipher == expected


def test_ignore_unknown_alpn_negotiates_no_protocol(client, identity):
    client = client.replace(alpn=["h3"])
    server = tlsmith.Server(identity, alpn=["h2"])
    assert not is_accepted(client, server)
    near, _ = memory_pair(client, server.replace(ignore_unknown_alpn=True))
    assert near.info.alpn is None


def record_lengths(data):
    lengths = []
    while data:
        length = int.from_bytes(data[3:5], "big")
        lengths.append(length)
        data = data[5 + length :]
    return lengths


@BOTH_VERSIONS
@pytest.mark.parametrize("side", ["client", "server"])
def test_records_are_no_longer_than_the_limit(client, server, side, version):
    client = client.replace(max_version=version)
    pair = {"client": client, "server": server}
    pair[side] = pair[side].replace(max_fragment=512)
    near, far = memory_pair(pair["client"], pair["server"])
    sender = near if side == "client" else far
    sender.write(bytes(5000))
    lengths = record_lengths(sender.data_to_send())
    # With what encryption adds (RFC 8446, section 5.2; RFC 5288, section 3).
    assert len(lengths) == 10 and max(lengths) <= 512 + 24
    other = far if side == "client" else near
    other.write(bytes(5000))
    assert len(record_lengths(other.data_to_send())) == 1, "the other side is as it was"


@pytest.mark.parametrize("size", [0, 511, 16_385, -1])
def test_invalid_max_fragment_is_rejected(client, server, size):
    for one in (client, server):
        with pytest.raises(tlsmith.ConfigError, match="max_fragment"):
            one.replace(max_fragment=size)


# Sessions.


def resumes(client, server):
    near, far = memory_pair(client, server)
    assert near.info.resumed == far.info.resumed
    return near.info.resumed


@BOTH_VERSIONS
def test_server_without_resumption_resumes_nothing(client, identity, version):
    client = client.replace(max_version=version)
    for tickets in (0, 2):
        server = tlsmith.Server(identity, resume=False, tickets=tickets)
        assert [resumes(client, server) for _ in range(2)] == [False, False]
        server = server.replace(resume=5)
        assert resumes(client.replace(), server) is False


def test_client_keeps_at_most_resume_sessions(client, identity):
    server = tlsmith.Server(identity)
    client = client.replace(resume=16)
    assert [resumes(client, server) for _ in range(3)] == [False, True, True]
    for nonsense in (-1, 1 << 40):
        with pytest.raises(tlsmith.ConfigError, match="resume"):
            client.replace(resume=nonsense)
        with pytest.raises(tlsmith.ConfigError, match="resume"):
            server.replace(resume=nonsense)


@BOTH_VERSIONS
def test_servers_that_share_their_sessions_resume_each_others(client, identity, version):
    client = client.replace(max_version=version)
    first = tlsmith.Server(identity)
    second = tlsmith.Server(identity, share_sessions=first)
    third = tlsmith.Server(identity)
    assert not resumes(client, first)
    assert resumes(client, second)
    assert resumes(client, first)
    assert not resumes(client.replace(), third)
    # A renewed certificate, while both are in use.
    assert resumes(client, second.replace(identity=[identity]))


def test_early_data_is_taken_once_by_servers_that_share_their_sessions(client, identity):
    first = tlsmith.Server(identity, early_data=1000)
    second = tlsmith.Server(identity, early_data=1000, share_sessions=first)
    client = client.replace(early_data=True)
    memory_pair(client, first)
    near = client.buffer("localhost")
    assert near.write_early(b"once") == 4
    flight = near.data_to_send()
    taken = []
    for server in (second, first):
        far = server.buffer()
        far.receive_data(flight)
        try:
            taken.append(far.read_early())
        except tlsmith.WantRead:
            taken.append(None)
    assert taken == [b"once", None]


def test_sessions_of_a_server_in_use_are_not_shared_later(client, identity):
    used = tlsmith.Server(identity)
    memory_pair(client, used)
    with pytest.raises(tlsmith.Error, match="before its first connection") as caught:
        tlsmith.Server(identity, share_sessions=used)
    assert caught.value.code == "state"
    assert not memory_pair(client.replace(), used)[0].handshaking, "which spoils nothing"
