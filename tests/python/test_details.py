"""What programs ask certificates, keys, requests and CRLs."""

import concurrent.futures
import copy
import datetime
import multiprocessing
import pickle
import ssl
import subprocess

import OpenSSL.SSL
import pytest
from conftest import KEY_TYPES, PATIENCE, a_key, socketpair, thread
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import tlsmith
from tlsmith import testing

UTC = datetime.UTC


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A certificate of OpenSSL's with everything that getpeercert() shows."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "config").write_text("""
[req]
distinguished_name = subject
x509_extensions = all
prompt = no
string_mask = utf8only
utf8 = yes
[subject]
C = DE
ST = Bayern
L = München
O = "A, B"
0.OU = one
1.OU = two
CN = www.example.org
emailAddress = a@example.org
serialNumber = 7
[all]
subjectAltName = DNS:www.example.org,DNS:*.example.com,IP:10.0.0.1,IP:2001:db8::1,\
email:a@example.org,URI:https://example.org/x,RID:1.2.3.4,dirName:directory,otherName:1.2.3;UTF8:x
authorityInfoAccess = OCSP;URI:http://ocsp.example/,caIssuers;URI:http://ca.example/ca.crt
crlDistributionPoints = URI:http://crl.example/1,URI:http://crl.example/2
certificatePolicies = 1.2.3.4
keyUsage = critical,digitalSignature
[directory]
C = FR
O = Élan
""")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    command += ["-config", folder / "config", "-keyout", folder / "key.pem"]
    command += ["-set_serial", "0x0abc"]
    subprocess.run([*command, "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder / "cert.pem"


def test_as_dict_is_what_the_standard_library_gives(rich, ca, identity, tmp_path):
    identity.cert.save(tmp_path / "leaf.pem")
    ca.cert.save(tmp_path / "ca.pem")
    for path in (rich, tmp_path / "leaf.pem", tmp_path / "ca.pem"):
        theirs = ssl._ssl._test_decode_cert(str(path))
        assert tlsmith.load_certificate(path).as_dict() == theirs


def test_a_certificate_is_loaded_by_its_class(ca, identity, tmp_path):
    path = tmp_path / "both.pem"
    path.write_bytes(identity.cert.pem + ca.cert.pem)
    assert tlsmith.Certificate.load(path) == identity.cert
    assert tlsmith.Certificate.load_all(path) == [identity.cert, ca.cert]


def test_version_urls_and_extensions_are_read(rich):
    cert = tlsmith.Certificate.load(rich)
    theirs = x509.load_pem_x509_certificate(rich.read_bytes())
    assert cert.version == 3
    assert cert.issuer_urls == ("http://ca.example/ca.crt",)
    assert {oid: critical for oid, (critical, _) in cert.extensions().items()} == {
        one.oid.dotted_string: one.critical for one in theirs.extensions
    }
    for one in theirs.extensions:
        assert cert.extensions()[one.oid.dotted_string][1] == one.value.public_bytes()


@pytest.mark.parametrize(
    ("host", "matches"),
    [
        ("www.example.org", True),
        ("WWW.example.ORG", True),
        ("a.example.com", True),
        ("a.b.example.com", False),
        ("example.com", False),
        ("10.0.0.1", True),
        ("2001:db8:0::1", True),
        ("10.0.0.2", False),
        ("other.example", False),
    ],
)
def test_a_host_matches_as_for_a_connection(rich, host, matches):
    assert tlsmith.Certificate.load(rich).matches(host) is matches


def test_a_certificate_that_no_connection_accepts_matches_nothing(ca):
    unknown = ca.issue("localhost", extensions={"1.3.6.1.4.1.55555.1": (True, b"\x05\x00")})
    with pytest.raises(tlsmith.ConfigError, match="is not accepted, whatever.*critical extension"):
        unknown.cert.matches("localhost")


def test_matches_names_invalid_host(identity):
    with pytest.raises(tlsmith.ConfigError, match="'not a host'"):
        identity.cert.matches("not a host")


def test_valid_at_is_exact(ca):
    cert = ca.issue("localhost", valid="-1h..1h").cert
    assert cert.valid_at()
    assert cert.valid_at(cert.not_before) and cert.valid_at(cert.not_after)
    second = datetime.timedelta(seconds=1)
    assert not cert.valid_at(cert.not_before - second)
    assert not cert.valid_at(cert.not_after + second)
    assert not cert.valid_at(0)
    with pytest.raises(tlsmith.ConfigError, match="time zone"):
        cert.valid_at(datetime.datetime(2026, 1, 1))
    with pytest.raises(TypeError, match="when must be a datetime"):
        cert.valid_at("now")


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_an_issuer_is_known_by_name_and_signature(kind):
    ca = tlsmith.CA("issuer", key=a_key(kind))
    namesake = tlsmith.CA("issuer")
    cert = ca.issue("localhost").cert
    assert cert.issued_by(ca.cert)
    assert ca.cert.issued_by(ca.cert)
    assert not cert.issued_by(cert)
    assert not namesake.issue("localhost").cert.issued_by(ca.cert)


def test_a_signature_that_cannot_be_checked_is_not_called_wrong():
    (bad,) = testing.bad("sha1")
    leaf, issuer = bad.identity.chain
    with pytest.raises(tlsmith.ConfigError, match="sha1WithRSAEncryption") as caught:
        leaf.issued_by(issuer)
    assert caught.value.code == "config.unsupported"


@pytest.mark.parametrize("kind", [kind for kind in KEY_TYPES if not kind.startswith("ml-dsa")])
def test_keys_and_documents_become_those_of_cryptography(kind):
    key = a_key(kind)
    theirs = key.to_cryptography()
    spki = theirs.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert key.public_pem == spki
    ca = tlsmith.CA(key=key)
    assert ca.cert.to_cryptography().public_bytes(Encoding.DER) == ca.cert.der
    assert ca.crl().to_cryptography().is_signature_valid(theirs.public_key())
    csr = tlsmith.CSR("localhost", key=key)
    assert csr.to_cryptography().public_key() == theirs.public_key()


def test_the_pin_of_a_key_is_that_of_its_certificate(identity):
    assert identity.key.spki_sha256 == identity.cert.spki_sha256


def test_password_may_be_str_bytes_or_function():
    key = a_key("ecdsa-p256")
    locked = key.encrypted_pem("pässword".encode())
    asked = []

    def ask():
        asked.append(1)
        return "pässword"

    for password in ("pässword", "pässword".encode(), ask):
        assert tlsmith.load_key(locked, password).der == key.der
    assert asked == [1]
    with pytest.raises(tlsmith.ConfigError, match="does not open") as caught:
        tlsmith.load_key(locked, b"\xff")
    assert "\\xff" not in str(caught.value)
    with pytest.raises(TypeError, match="str or bytes, not int"):
        tlsmith.load_key(locked, 7)


def test_pkcs12_is_loaded_by_its_content(identity, tmp_path):
    path = tmp_path / "site.pem"
    path.write_bytes(identity.pkcs12(b"secret"))
    for password in ("secret", b"secret", lambda: "secret"):
        assert tlsmith.Identity.load(path, password=password).chain == identity.chain
    with pytest.raises(tlsmith.ConfigError, match="password"):
        tlsmith.Identity.load(path)


def test_public_documents_are_pickled_and_copied(ca, identity):
    crl = ca.revoke(identity).crl()
    for one in (identity.cert, crl, tlsmith.CSR("localhost")):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(one, protocol))
            assert type(again) is type(one)
            assert again.der == one.der
        assert copy.deepcopy(one).der == one.der


def test_keys_are_not_in_pickles_or_repr(ca, identity):
    csr = tlsmith.CSR("localhost")
    assert csr.key is not None
    assert pickle.loads(pickle.dumps(csr)).key is None
    for secret in (identity.key, identity, ca):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(secret)
        assert identity.key_pem.split(b"\n")[1].decode() not in repr(secret)
    assert repr(identity.key) == "<tlsmith.Key ecdsa-p256>"


@pytest.fixture
def other_process():
    """One that begins with nothing of this one, as on macOS."""
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        yield pool


def trusts(trust, chain):
    trust.verify(chain, hostname="localhost")
    return repr(trust)


def fetch(client, port):
    with client.connect(("localhost", port), timeout=PATIENCE) as sock:
        return sock.info.alpn, sock.recv()


def test_trust_can_be_pickled_to_another_process(tmp_path, other_process):
    ca = tlsmith.CA()
    identity = ca.issue("localhost")
    root = tmp_path / "ca.pem"
    root.write_bytes(ca.cert.pem)
    crl = ca.crl()
    for trust in (
        tlsmith.Trust.roots(root),
        tlsmith.Trust.roots(ca).with_crls(crl, check="leaf", unknown="allow"),
        tlsmith.Trust.pinned(identity.cert) | tlsmith.Trust.system(),
    ):
        # Also after it was used, when it has a context.
        trust.verify(identity, hostname="localhost")
        again = pickle.loads(pickle.dumps(trust))
        for name in tlsmith.Trust.__slots__:
            if name != "_context" and name != "_crls":
                assert getattr(again, name) == getattr(trust, name)
        assert [one.der for one in again._crls] == [one.der for one in trust._crls]
        assert copy.copy(trust) is copy.deepcopy(trust) is trust
    root.unlink()
    found = other_process.submit(trusts, tlsmith.Trust.roots(ca), identity.chain)
    assert found.result(PATIENCE) == "<tlsmith.Trust 1 roots>"


def test_client_can_be_pickled_to_another_process(ca, identity, tmp_path, other_process):
    root = tmp_path / "ca.pem"
    root.write_bytes(ca.cert.pem)
    client = tlsmith.Client(trust=root, alpn=["h2"])
    root.unlink()
    assert copy.copy(client) is copy.deepcopy(client) is client
    server = tlsmith.Server(identity, alpn=["h2"])
    assert copy.copy(server) is copy.deepcopy(server) is server
    with server.listen(("127.0.0.1", 0)) as listener:
        fetching = other_process.submit(fetch, client, listener.address[1])
        listener.settimeout(PATIENCE)
        with listener.accept()[0] as sock:
            sock.sendall(b"hello")
        assert fetching.result(PATIENCE) == ("h2", b"hello")
    # What it trusts was read when it was made.
    assert client.replace(alpn=[])._arguments["alpn"] == []


def test_pickling_private_keys_explains_why_not(ca, identity):
    alice = tlsmith.Client(trust=ca, identity=ca.issue_client("alice@example.org"))
    for secret, advice in (
        (alice, r"client\.replace\(identity=None\)"),
        (tlsmith.Server(identity), "create it in the other process"),
    ):
        with pytest.raises(TypeError, match=f"cannot be pickled: .*{advice}"):
            pickle.dumps(secret)
    assert pickle.loads(pickle.dumps(alice.replace(identity=None)))._arguments["identity"] is None


def test_pyopenssl_presents_and_trusts_them(ca):
    site = ca.intermediate().issue("localhost")
    server = OpenSSL.SSL.Context(OpenSSL.SSL.TLS_METHOD)
    site.configure(server)
    client = OpenSSL.SSL.Context(OpenSSL.SSL.TLS_METHOD)
    client.set_verify(OpenSSL.SSL.VERIFY_PEER)
    ca.trust(client)
    near, far = socketpair()
    near.setblocking(True)
    far.setblocking(True)

    def serve():
        connection = OpenSSL.SSL.Connection(server, far)
        connection.set_accept_state()
        connection.do_handshake()

    with near, far, thread(serve):
        connection = OpenSSL.SSL.Connection(client, near)
        connection.set_connect_state()
        connection.do_handshake()
        chain = connection.get_peer_cert_chain(as_cryptography=True)
    assert [one.public_bytes(Encoding.DER) for one in chain] == [one.der for one in site.chain]


def test_non_context_is_rejected(ca, identity):
    for configure in (ca.trust, identity.configure):
        with pytest.raises(TypeError, match="SSLContext.* not NoneType"):
            configure(None)
