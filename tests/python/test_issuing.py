"""What an authority is asked to put into a certificate."""

import datetime
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

import tlsmith

UTC = datetime.UTC


def theirs(cert):
    return x509.load_der_x509_certificate(cert.der).extensions


def test_usages_beside_tls_are_issued(ca):
    cert = ca.issue("a@example.org", usage=["email", "client"]).cert
    assert cert.extended_key_usage == ("clientAuth", "emailProtection")
    cert = ca.issue(common_name="Example Corp", usage=["code"]).cert
    assert cert.extended_key_usage == ("codeSigning",)
    assert cert.names == ()
    cert = ca.issue("ocsp.example", usage=["ocsp"]).cert
    found = theirs(cert).get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(found) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    with pytest.raises(tlsmith.VerifyError) as refused:
        tlsmith.Trust.roots(ca).verify([cert])
    assert refused.value.reason == "wrong_usage"


def test_csr_requests_usages(ca):
    csr = tlsmith.CSR("a@example.org", usage=["email"])
    cert = ca.sign(csr, copy_extensions=True).cert
    assert cert.extended_key_usage == ("emailProtection",)
    with pytest.raises(tlsmith.ConfigError, match="the request says the usage itself"):
        ca.sign(csr, copy_extensions=True, usage=["code"])


def test_ocsp_must_staple_and_the_serial_number_are_issued(ca, tmp_path):
    cert = ca.issue(
        "localhost",
        ocsp_url="http://ocsp.example/",
        crl_url="http://crl.example/",
        must_staple=True,
        serial=0xABC,
    ).cert
    assert cert.ocsp_urls == ("http://ocsp.example/",)
    assert cert.crl_urls == ("http://crl.example/",)
    assert cert.serial == 0xABC
    features = theirs(cert).get_extension_for_class(x509.TLSFeature)
    assert list(features.value) == [x509.TLSFeatureType.status_request]
    assert not features.critical
    cert.save(tmp_path / "cert.pem")
    ca.cert.save(tmp_path / "ca.pem")
    command = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.pem", "cert.pem"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)


@pytest.mark.parametrize("serial", [1, 127, 128, 2**159 - 1])
def test_every_serial_number_of_the_standard_is_issued(ca, serial):
    cert = ca.issue("localhost", serial=serial).cert
    assert cert.serial == x509.load_der_x509_certificate(cert.der).serial_number == serial


@pytest.mark.parametrize("serial", [0, -1, 2**159])
def test_error_names_invalid_serial_number(ca, serial):
    with pytest.raises(tlsmith.ConfigError, match=f"serial is {serial}"):
        ca.issue("localhost", serial=serial)


def test_requested_extensions_appear_unchanged(ca):
    wanted = {
        "1.3.6.1.4.1.55555.1": b"\x05\x00",
        "1.3.6.1.4.1.55555.2": (True, b"\x0c\x02hi"),
        # A key usage of digitalSignature and nonRepudiation, in place of ours.
        "2.5.29.15": (True, bytes.fromhex("030206c0")),
    }
    cert = ca.issue("localhost", extensions=wanted).cert
    found = cert.extensions()
    assert found["1.3.6.1.4.1.55555.1"] == (False, b"\x05\x00")
    assert found["1.3.6.1.4.1.55555.2"] == (True, b"\x0c\x02hi")
    assert cert.key_usage == {"digitalSignature", "nonRepudiation"}
    again = ca.issue("localhost", extensions={"2.5.29.15": found["2.5.29.15"]}).cert
    assert again.key_usage == cert.key_usage


@pytest.mark.parametrize(
    ("oid", "value", "sentence"),
    [
        ("2.5.29.17", b"\x30\x00", "the names are given as names"),
        ("2.5.29.19", bytes.fromhex("30030101ff"), "being a CA"),
        ("2.5.29.30", b"\x30\x00", "permitted and excluded names"),
        ("2.5.29.14", b"\x04\x01x", "the issuer sets key identifiers"),
        ("2.5.29.15", bytes.fromhex("03020204"), "every CA needs keyCertSign"),
        ("2.5.29.15", b"\x05\x00", "does not parse as a key usage"),
        ("not an oid", b"\x05\x00", "'not an oid' is not an object identifier"),
        ("1.3.6.1.4.1.55555.1", b"not DER", "is not DER"),
        ("1.3.6.1.4.1.55555.1", b"", "is not DER"),
    ],
)
def test_reserved_or_malformed_extension_is_rejected(ca, oid, value, sentence):
    with pytest.raises(tlsmith.ConfigError, match=sentence):
        ca.issue("localhost", extensions={oid: value})


def test_certificate_has_each_extension_once(ca):
    url = "http://ocsp.example/"
    access = ca.issue("localhost", ocsp_url=url).cert.extensions()["1.3.6.1.5.5.7.1.1"]
    with pytest.raises(tlsmith.ConfigError, match="requested twice"):
        ca.issue("localhost", ocsp_url=url, extensions={"1.3.6.1.5.5.7.1.1": access})
    with pytest.raises(TypeError, match="DER, or .*not str"):
        ca.issue("localhost", extensions={"1.2.3": "text"})


def test_validity_is_a_length_or_an_end(ca):
    now = datetime.datetime.now(UTC)
    minute = datetime.timedelta(minutes=1)
    day = datetime.timedelta(days=1)
    cert = ca.issue("localhost", valid=3 * day).cert
    assert cert.not_after - cert.not_before == 3 * day
    end = (now + 9 * day).replace(microsecond=0)
    cert = ca.issue("localhost", valid=end).cert
    assert cert.not_after == end
    assert cert.not_before < now
    west = datetime.timezone(datetime.timedelta(hours=-8))
    assert ca.issue("localhost", valid=end.astimezone(west)).cert.not_after == end
    text = end.isoformat()
    assert ca.issue("localhost", valid=text).cert.not_after == end
    cert = ca.issue("localhost", valid=f"2026-01-31..{end.date()}").cert
    assert cert.not_before == datetime.datetime(2026, 1, 31, tzinfo=UTC)
    assert cert.not_after.date() == end.date()
    cert = ca.issue("localhost", valid=f"-1h..{text}").cert
    assert abs(now - cert.not_before - 60 * minute) < minute
    assert ca.crl(valid=2 * day).next_update - ca.crl().this_update >= 2 * day - minute


@pytest.mark.parametrize(
    ("valid", "sentence"),
    [
        (datetime.timedelta(0), "longer than 0 seconds"),
        (datetime.timedelta.max, "outside the years"),
        (datetime.datetime(2020, 1, 1, tzinfo=UTC), "ends before it begins"),
        (datetime.datetime(2030, 1, 1), "without a time zone"),
        ("2030-02-30", "not a valid date"),
        ("2030-01-01..2029-01-01", "ends before it begins"),
        ("2030-01-01..soon", "write"),
    ],
)
def test_error_names_invalid_validity(ca, valid, sentence):
    with pytest.raises(tlsmith.ConfigError, match=sentence):
        ca.issue("localhost", valid=valid)


def test_a_validity_of_another_type_is_refused(ca):
    with pytest.raises(TypeError, match="a timedelta or a datetime, not int"):
        ca.issue("localhost", valid=30)
