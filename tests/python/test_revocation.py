"""Revocation: CRLs, ours and those of cryptography, and who refuses whom."""

import datetime
import ssl
import threading

import pytest
from conftest import KEY_TYPES, PATIENCE, a_key, open_pair, socketpair, ssl_context, thread
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key

import tlsmith

UTC = datetime.UTC
DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)


def now():
    return datetime.datetime.now(UTC).replace(microsecond=0)


def read(cert):
    return x509.load_der_x509_certificate(cert.der)


# The lists.


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_our_crl_is_read_and_its_signature_verified_by_cryptography(kind):
    ca = tlsmith.CA("My CA", key=a_key(kind))
    site, at = ca.issue("localhost"), now() - DAY
    crl = ca.revoke(site, reason="key_compromise", at=at).revoke(17).crl(valid="2d", number=7)
    theirs = x509.load_pem_x509_crl(crl.pem)
    assert theirs.is_signature_valid(read(ca.cert).public_key())
    assert not theirs.is_signature_valid(read(site.cert).public_key())
    assert theirs.issuer == read(ca.cert).subject
    assert theirs.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    assert theirs.next_update_utc - theirs.last_update_utc == 2 * DAY + HOUR
    first, second = theirs
    assert (first.serial_number, first.revocation_date_utc) == (site.cert.serial, at)
    reason = first.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason == x509.ReasonFlags.key_compromise
    assert second.serial_number == 17
    assert len(second.extensions) == 0, "who gives no reason leaves it out"


def test_crl_text_lists_its_content(tmp_path):
    ca = tlsmith.CA("My CA")
    one, two, other = (ca.issue("localhost") for _ in range(3))
    before = now()
    ca.revoke(one, reason="superseded", at=1_700_000_000).revoke(two.cert)
    crl = ca.crl(number=300)
    first, second = crl
    then = datetime.datetime.fromtimestamp(1_700_000_000, UTC)
    assert first == (one.cert.serial, then, "superseded")
    assert (second[0], second[2]) == (two.cert.serial, None)
    assert before <= second[1] <= now()
    assert before <= crl.this_update + HOUR <= now(), "for clocks that are behind"
    assert crl.next_update - crl.this_update == 7 * DAY + HOUR
    assert (len(crl), crl.number, crl.issuer) == (2, 300, "CN=My CA")
    assert one.cert in crl and two.cert.serial in crl
    assert other.cert not in crl and other.cert.serial not in crl and -1 not in crl
    assert repr(crl) == "<tlsmith.CRL CN=My CA, 2 revoked>"
    assert f"{one.cert.serial:x}" in crl.text()
    crl.save(tmp_path / "my.crl")
    assert tlsmith.CRL.load(tmp_path / "my.crl").der == tlsmith.CRL.load(crl.der).der == crl.der
    assert (len(tlsmith.CA().crl()), list(tlsmith.CA().crl())) == (0, [])


def test_a_serial_number_of_another_ca_is_another_certificate():
    ca, other = tlsmith.CA("My CA"), tlsmith.CA("Other CA")
    site = other.issue("localhost")
    crl = ca.revoke(site.cert.serial).crl()
    assert site.cert.serial in crl
    assert site.cert not in crl
    with pytest.raises(tlsmith.ConfigError, match=r"CN=My CA.*CN=Other CA"):
        ca.revoke(site)


REASONS = [
    "key_compromise",
    "ca_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "certificate_hold",
    "privilege_withdrawn",
    "aa_compromise",
]


def test_the_reasons_go_in_and_come_out():
    ca = tlsmith.CA()
    for serial, reason in enumerate(REASONS):
        ca.revoke(serial, reason=reason)
    crl = ca.crl()
    assert [reason for _, _, reason in crl] == REASONS
    for entry, reason in zip(x509.load_der_x509_crl(crl.der), REASONS, strict=True):
        theirs = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        assert theirs.name == reason


def test_ca_continues_from_its_latest_crl():
    ca = tlsmith.CA()
    before = ca.revoke(5, reason="superseded", at=1_700_000_000).revoke(6, at=0).crl()
    again = tlsmith.CA.load(ca.cert_pem, ca.key)
    assert len(again.crl()) == 0
    for serial, at, reason in before:
        again.revoke(serial, at=at, reason=reason or "unspecified")
    after = again.crl()
    assert list(after) == list(before)
    assert after.number > before.number


def test_crl_lists_twice_revoked_certificate_once():
    ca = tlsmith.CA().revoke(5, reason="certificate_hold", at=1).revoke(6, at=2)
    ca.revoke(5, reason="key_compromise", at=3)
    listed = [(serial, at.timestamp(), reason) for serial, at, reason in ca.crl()]
    assert listed == [(5, 3, "key_compromise"), (6, 2, None)]


def test_threads_may_revoke_at_the_same_time():
    ca = tlsmith.CA()

    def revoke(first):
        for serial in range(first, first + 200):
            ca.revoke(serial)
            if serial % 50 == 0:
                ca.crl()

    threads = [threading.Thread(target=revoke, args=(first,)) for first in range(0, 800, 200)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    assert {serial for serial, _, _ in ca.crl()} == set(range(800))


def foreign_crl(ca, *serials, issuer=None, start=None, number=None):
    """A CRL of cryptography's, signed by `ca`."""
    start = start or now()
    builder = x509.CertificateRevocationListBuilder().last_update(start)
    builder = builder.next_update(start + DAY).issuer_name(issuer or read(ca.cert).subject)
    key_id = read(ca.cert).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)
    builder = builder.add_extension(authority, False)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), False)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
        builder = builder.add_revoked_certificate(entry.build())
    crl = builder.sign(load_der_private_key(ca.key.der, None), hashes.SHA256())
    return tlsmith.CRL.load(crl.public_bytes(Encoding.DER))


def test_a_crl_of_cryptography_is_read_and_obeyed():
    ca = tlsmith.CA()
    good, bad = ca.issue("localhost"), ca.issue("localhost")
    crl = foreign_crl(ca, bad.cert.serial)
    assert (crl.number, len(crl)) == (None, 1)
    assert foreign_crl(ca, number=2**150).number == 2**150
    trust = tlsmith.Trust.roots(ca).with_crls(crl)
    assert trust.verify(good) == (good.cert, ca.cert)
    assert refusal(trust, bad) == "revoked"


# Verifying.


def refusal(trust, chain, **options):
    with pytest.raises(tlsmith.VerifyError) as caught:
        trust.verify(chain, **options)
    return caught.value.reason


def test_the_whole_chain_is_checked():
    ca = tlsmith.CA("Root")
    middle = ca.intermediate("Middle")
    site = middle.issue("localhost")
    trust = tlsmith.Trust.roots(ca)
    path = (site.cert, middle.cert, ca.cert)
    both = trust.with_crls(ca.crl(), middle.crl().pem)
    assert both.verify(site) == path
    assert trust.with_crls(ca.crl()).with_crls(middle.crl()).verify(site) == path
    assert (trust.with_crls(ca.crl()) | tlsmith.Trust().with_crls(middle.crl())).verify(
        site
    ) == path
    assert refusal(trust.with_crls(middle.crl()), site) == "unknown_revocation"
    assert refusal(trust.with_crls(ca.crl()), site) == "unknown_revocation"
    ca.revoke(middle, reason="ca_compromise")
    revoked = trust.with_crls(ca.crl(), middle.crl())
    with pytest.raises(tlsmith.VerifyError, match=r"CN=Middle.*CN=Root.*cACompromise") as caught:
        revoked.verify(site, hostname="localhost")
    assert (caught.value.code, caught.value.hostname) == ("verify.revoked", "localhost")
    assert trust.verify(site) == path, "a Trust never changes"


def test_crl_applies_within_its_time_and_for_its_issuer():
    ca = tlsmith.CA("My CA", valid="-9d..9d")
    site = ca.issue("localhost", valid="-5d..5d")
    trust = tlsmith.Trust.roots(ca)
    old = trust.with_crls(ca.crl(valid="-3d..-1d"))
    assert refusal(old, site) == "unknown_revocation"
    assert old.verify(site, at=now() - 2 * DAY)
    impostor = tlsmith.CA("My CA", key=ca.key.type)
    assert refusal(trust.with_crls(impostor.crl()), site) == "unknown_revocation"
    before, after = ca.crl(valid="-3d..3d"), ca.revoke(site).crl()
    for crls in ([before, after], [after, before]):
        assert refusal(trust.with_crls(*crls), site) == "revoked", "the latest decides"


def test_files_of_crls_are_read_as_a_whole(tmp_path):
    ca = tlsmith.CA()
    middle = ca.intermediate()
    path = tmp_path / "crls.pem"
    path.write_bytes(ca.crl().pem + middle.crl().pem)
    trust = tlsmith.Trust.roots(ca).with_crls(path)
    assert trust.verify(middle.issue("localhost"))
    assert repr(trust) == "<tlsmith.Trust 1 roots, 2 CRLs>"


# Connections.


@pytest.fixture(scope="module")
def revoked():
    """A CA, a certificate that it revoked, and one that it did not."""
    ca = tlsmith.CA()
    bad, good = (ca.issue("localhost", usage=["server", "client"]) for _ in range(2))
    return ca.revoke(bad, reason="key_compromise"), bad, good


def test_a_client_refuses_a_revoked_server_of_ssl(revoked):
    ca, bad, good = revoked
    client = tlsmith.Client(trust=tlsmith.Trust.roots(ca).with_crls(ca.crl()))

    def serve(identity):
        near, far = socketpair()
        context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)

        def accept():
            try:
                with context.wrap_socket(far, server_side=True) as tls:
                    tls.sendall(b"hello")
            except ssl.SSLError as error:
                return error.reason
            return None

        return near, thread(accept)

    near, serving = serve(good)
    with serving, client.wrap(near, "localhost") as sock:
        assert sock.recv() == b"hello"
    near, serving = serve(bad)
    with serving as running:
        with pytest.raises(tlsmith.VerifyError, match="keyCompromise") as caught:
            client.wrap(near, "localhost")
    assert (caught.value.reason, caught.value.hostname) == ("revoked", "localhost")
    assert "CERTIFICATE_REVOKED" in running.result


def test_ssl_client_rejects_revoked_server_by_tlsmith_crl(revoked, tmp_path):
    ca, bad, good = revoked
    context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca)
    ca.crl().save(tmp_path / "ca.crl")
    context.load_verify_locations(tmp_path / "ca.crl")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN

    def talk(identity):
        server = tlsmith.Server(identity)
        near, far = socketpair()

        def accept():
            try:
                with server.wrap(far) as sock:
                    sock.sendall(b"hello")
            except tlsmith.AlertError as error:
                return error.alert
            return None

        with thread(accept) as serving:
            try:
                with context.wrap_socket(near, server_hostname="localhost") as tls:
                    assert tls.recv(5) == b"hello"
                    code = 0
            except ssl.SSLCertVerificationError as error:
                code = error.verify_code
        return code, serving.result

    assert talk(good) == (0, None)
    # 23 is X509_V_ERR_CERT_REVOKED.
    assert talk(bad) == (23, "certificate_revoked")


def test_a_server_refuses_a_revoked_client(revoked):
    ca, bad, good = revoked
    trust = tlsmith.Trust.roots(ca).with_crls(ca.crl())
    server = tlsmith.Server(good, client_trust=trust)
    with open_pair(tlsmith.Client(trust=ca, identity=good), server) as (_, theirs):
        assert theirs.peer == good.cert
    near, far = socketpair()

    def serve():
        with pytest.raises(tlsmith.VerifyError) as caught:
            server.wrap(far)
        return caught.value.reason

    with thread(serve) as serving:
        context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, bad, ca)
        with context.wrap_socket(near, server_hostname="localhost") as tls:
            with pytest.raises(ssl.SSLError, match="CERTIFICATE_REVOKED"):
                tls.recv()
    assert serving.result == "revoked"


def test_wrong_arguments():
    ca = tlsmith.CA("My CA")
    trust = tlsmith.Trust.roots(ca)
    for call in (
        lambda: ca.revoke("5"),
        lambda: ca.revoke(None),
        lambda: ca.revoke(5, reason=None),
        lambda: ca.revoke(5, at="today"),
        lambda: ca.crl(valid=7),
        lambda: ca.crl(number="7"),
        lambda: "5" in ca.crl(),
        lambda: tlsmith.CRL.load(3),
        lambda: trust.with_crls(3),
    ):
        with pytest.raises(TypeError):
            call()
    naive = datetime.datetime(2026, 1, 2)
    for call, part in (
        (lambda: ca.revoke(-5), "-5"),
        (lambda: ca.revoke(1 << 160), str(1 << 160)),
        (lambda: ca.revoke(5, reason="boredom"), "boredom"),
        (lambda: ca.revoke(5, at=naive), "2026-01-02"),
        (lambda: ca.revoke(5, at=10**20), str(10**20)),
        (lambda: ca.crl(valid="7"), "'7'"),
        (lambda: ca.crl(number=-1), "-1"),
        (lambda: ca.crl(number=1 << 64), str(1 << 64)),
        (lambda: trust.with_crls(), "at least one CRL"),
        (lambda: trust.with_crls("/nonexistent.crl"), "/nonexistent.crl"),
        (lambda: tlsmith.INSECURE.with_crls(ca.crl()), "INSECURE"),
    ):
        with pytest.raises(tlsmith.ConfigError) as caught:
            call()
        assert part in str(caught.value)
    assert len(ca.crl()) == 0, "what was refused is not revoked"
    for source in (b"", ca.cert.pem, ca.crl().der[:-1]):
        with pytest.raises(tlsmith.CertError, match="CRL"):
            tlsmith.CRL.load(source)
    with pytest.raises(tlsmith.CertError, match="may not sign a CRL"):
        tlsmith.CA._wrap(ca.issue("localhost")._native).crl()
