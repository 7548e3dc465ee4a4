"""Certificates that have to be refused are, for just the reason that they say."""

import functools
import ssl
import subprocess

import pytest
from conftest import socketpair, ssl_context, thread

import tlsmith
from tlsmith import testing


@functools.cache
def case(name):
    (made,) = testing.bad(name)
    return made


# What `openssl verify` says, by the numbers of its X509_V_ERR_*.
OPENSSL = {
    "expired": 10,
    "not-yet-valid": 9,
    "wrong-host": 62,
    "self-signed": 18,
    "unknown-ca": 20,
    "missing-intermediate": 20,
    "revoked": 23,
    "wrong-eku": 26,
    "ca-as-leaf": 26,
    "pathlen-exceeded": 25,
    "name-constraint-violated": 47,
    "no-san": 62,
    "weak-rsa-1024": 67,
    "sha1": 68,
}

NOT_BY_OPENSSL = {
    "cn-only": "OpenSSL takes the common name where there is no other",
    "key-mismatch": "`openssl verify` does not see the key",
}


def write(folder, name, *documents):
    path = folder / name
    path.write_bytes(b"".join(one.pem for one in documents))
    return path


def verify_by_openssl(bad, folder):
    command = ["openssl", "verify", "-purpose", "sslserver", "-verify_hostname", bad.hostname]
    command += ["-auth_level", "2", "-CAfile", write(folder, "ca.pem", bad.ca.cert)]
    if bad.crls:
        command += ["-crl_check", "-CRLfile", write(folder, "crl.pem", *bad.crls)]
    if bad.identity.chain[1:]:
        command += ["-untrusted", write(folder, "chain.pem", *bad.identity.chain[1:])]
    command.append(write(folder, "leaf.pem", bad.identity.cert))
    return subprocess.run(command, capture_output=True, text=True)


def test_kinds_are_complete_and_ordered():
    assert tuple(bad.name for bad in map(case, testing.KINDS)) == testing.KINDS
    assert set(testing.KINDS) == OPENSSL.keys() | NOT_BY_OPENSSL.keys()


@pytest.mark.parametrize("name", testing.KINDS)
def test_bad_is_a_tuple_of_three_with_attributes(name):
    bad = case(name)
    unpacked, identity, reason = bad
    assert (unpacked, identity, reason) == (name, bad.identity, bad.reason)
    assert bad.hostname == "localhost"
    assert isinstance(bad.ca, tlsmith.CA)


@pytest.mark.parametrize("name", [name for name in testing.KINDS if name != "key-mismatch"])
def test_verifier_rejects_bad_certificate_with_its_reason(name):
    bad = case(name)
    with pytest.raises(tlsmith.VerifyError) as refused:
        bad.trust.verify(bad.identity, hostname=bad.hostname)
    assert refused.value.reason == bad.reason, refused.value


@pytest.mark.parametrize("name", testing.KINDS)
def test_client_rejects_bad_certificate_in_handshake(name):
    bad = case(name)
    near, far = socketpair()

    def serve():
        with pytest.raises(tlsmith.AlertError):
            tlsmith.Server(bad.identity).wrap(far)

    with thread(serve):
        with pytest.raises(tlsmith.VerifyError) as refused:
            tlsmith.Client(trust=bad.trust).wrap(near, bad.hostname)
    assert refused.value.reason == bad.reason, refused.value


@pytest.mark.parametrize("name", OPENSSL)
def test_openssl_rejects_bad_certificate_for_the_same_reason(name, tmp_path):
    done = verify_by_openssl(case(name), tmp_path)
    assert done.returncode != 0
    errors = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("error ")]
    assert str(OPENSSL[name]) in errors, done.stderr


@pytest.mark.parametrize("name", NOT_BY_OPENSSL)
def test_openssl_accepts_the_listed_kinds(name, tmp_path):
    done = verify_by_openssl(case(name), tmp_path)
    assert done.returncode == 0, f"{done.stderr}: {NOT_BY_OPENSSL[name]} no longer"


@pytest.mark.parametrize("name", ["cn-only", "key-mismatch"])
def test_the_standard_library_refuses_it(name):
    bad = case(name)
    if name == "key-mismatch":
        with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
            bad.identity.configure(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        return
    near, far = socketpair()
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, bad.identity)
    client = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=bad.ca)
    client.hostname_checks_common_name = False

    def serve():
        with pytest.raises(ssl.SSLError):
            server.wrap_socket(far, server_side=True)

    with near, far, thread(serve):
        with pytest.raises(ssl.SSLCertVerificationError):
            client.wrap_socket(near, server_hostname=bad.hostname)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("weak-rsa-1024", r"has a key that is too weak \(rsa-1024\)"),
        ("sha1", "signed with sha1WithRSAEncryption, which is not accepted"),
    ],
)
def test_error_names_weak_keys_and_hashes(name, sentence):
    bad = case(name)
    with pytest.raises(tlsmith.VerifyError, match=sentence):
        bad.trust.verify(bad.identity, hostname=bad.hostname)


def test_a_revoked_certificate_is_accepted_without_the_crl():
    bad = case("revoked")
    tlsmith.Trust.roots(bad.ca).verify(bad.identity, hostname=bad.hostname)


def test_bad_certificates_have_exactly_one_fault():
    bad = case("expired")
    yesterday = bad.identity.cert.not_after.timestamp() - 3600
    bad.trust.verify(bad.identity, hostname=bad.hostname, at=int(yesterday))
    bad = case("wrong-eku")
    bad.trust.verify(bad.identity, hostname=bad.hostname, usage="client")
    bad = case("self-signed")
    tlsmith.Trust.roots(bad.identity.cert).verify(bad.identity, hostname=bad.hostname)


def test_the_host_and_the_keys_are_chosen():
    (bad,) = testing.bad("wrong-host", hostname="a.example", key="ed25519")
    assert bad.hostname == "a.example"
    assert bad.identity.key.type == bad.ca.key.type == "ed25519"
    with pytest.raises(tlsmith.VerifyError, match="a.example"):
        bad.trust.verify(bad.identity, hostname=bad.hostname)


def test_error_names_unknown_kind():
    with pytest.raises(tlsmith.ConfigError, match="'stale' is not a kind.*expired"):
        next(testing.bad("stale"))
