"""The API of certificates, given whatever there is."""

import datetime
import ipaddress
import string

import pytest
from conftest import a_key
from cryptography import x509
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import tlsmith

UTC = datetime.UTC
REFUSALS = (tlsmith.ConfigError, tlsmith.CertError)

# The same cases each time: what fails is what changed.
relaxed = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

label = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20)
# The last label has a letter, since a number would make an address of it.
host = st.lists(label, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "test"]))
address = st.ip_addresses().map(str)
email = st.builds("{}@{}".format, label, host)
uri = st.builds("https://{}/{}".format, host, label)
name = st.one_of(host, host.map("*.{}".format), address, email, uri)

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.integers(), st.integers(), max_size=1),
    st.builds(object),
)


@relaxed
@given(names=st.lists(name, min_size=1, max_size=5, unique=True))
def test_issued_names_are_exact(ca, names):
    cert = ca.issue(*names, key=a_key("ecdsa-p256")).cert
    canonical = [_canonical(one) for one in names]
    assert [_canonical(one) for one in cert.names] == canonical
    assert tlsmith.Certificate.load(cert.pem) == tlsmith.Certificate.load(cert.der) == cert
    assert len(x509.load_der_x509_certificate(cert.der).extensions)


def _canonical(name):
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return name


@relaxed
@given(names=st.lists(host, min_size=1, max_size=3, unique=True))
def test_issued_certificate_is_accepted_for_its_names(ca, names):
    site = ca.issue(*names, key=a_key("ecdsa-p256"))
    trust = tlsmith.Trust.roots(ca)
    for one in names:
        assert site.cert.matches(one)
        assert trust.verify(site, hostname=one)[0] == site.cert


@relaxed
@given(text=st.text(max_size=80))
def test_any_text_is_a_valid_name_or_rejected(ca, text):
    try:
        cert = ca.issue(text, key=a_key("ecdsa-p256")).cert
    except REFUSALS as refusal:
        assert str(refusal) and "\n" not in str(refusal)
    else:
        assert len(cert.names) == 1


@relaxed
@given(text=st.text(min_size=1, max_size=64))
def test_organization_is_exact_or_rejected(ca, text):
    try:
        cert = ca.issue("localhost", organization=text, key=a_key("ecdsa-p256")).cert
    except REFUSALS as refusal:
        assert str(refusal)
    else:
        organization = x509.NameOID.ORGANIZATION_NAME
        (found,) = cert.to_cryptography().subject.get_attributes_for_oid(organization)
        assert found.value == text


@relaxed
@given(text=st.text(max_size=12) | st.from_regex(r"-?[0-9]{1,12}[smhd](\.\.-?[0-9]{1,6}[smhd])?"))
def test_any_validity_is_applied_or_rejected(ca, text):
    try:
        cert = ca.issue("localhost", valid=text, outlive_ca=True, key=a_key("ecdsa-p256")).cert
    except REFUSALS as refusal:
        assert str(refusal)
    else:
        assert cert.not_before < cert.not_after


@relaxed
@example(end=datetime.datetime(6326, 1, 1, 0, 0, 0, 999_985, tzinfo=UTC))
@given(
    end=st.datetimes(
        datetime.datetime(2030, 1, 1), datetime.datetime(9999, 1, 1), timezones=st.just(UTC)
    )
)
def test_not_after_is_exact_to_the_second(ca, end):
    cert = ca.issue("localhost", valid=end, outlive_ca=True, key=a_key("ecdsa-p256")).cert
    assert cert.not_after == end.replace(microsecond=0)


@relaxed
@given(serial=st.integers(1, 2**159 - 1))
def test_issued_serial_number_equals_requested(ca, serial):
    cert = ca.issue("localhost", serial=serial, key=a_key("ecdsa-p256")).cert
    assert cert.serial == cert.to_cryptography().serial_number == serial
    assert cert in tlsmith.CA.revoke(ca, serial).crl()


@relaxed
@given(
    oid=st.lists(st.integers(0, 2**40), min_size=1, max_size=5),
    critical=st.booleans(),
    value=st.binary(max_size=40),
)
def test_issued_extension_equals_requested(ca, oid, critical, value):
    dotted = "1.3.6.1.4.1." + ".".join(map(str, oid))
    der = b"\x04" + bytes([len(value)]) + value
    try:
        site = ca.issue("localhost", extensions={dotted: (critical, der)}, key=a_key("ecdsa-p256"))
    except tlsmith.ConfigError as refusal:
        # Arcs beyond 32 bits are nobody's.
        assert max(oid) >= 2**32 - 1 and dotted in str(refusal)
    else:
        assert site.cert.extensions()[dotted] == (critical, der)


LOADERS = [
    tlsmith.Certificate.load,
    tlsmith.Certificate.load_all,
    tlsmith.CSR.load,
    tlsmith.CRL.load,
    tlsmith.Key.load,
    tlsmith.Identity.load,
    tlsmith.CA.load,
    tlsmith.inspect,
]


@pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__qualname__)
@relaxed
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_document_or_rejected(load, content):
    with pytest.raises(REFUSALS):
        load(content)


@pytest.fixture(scope="module")
def documents(ca, identity):
    csr = tlsmith.CSR("localhost", key=identity.key)
    return [identity.cert.der, ca.crl().der, csr.der, identity.key.der]


@relaxed
@given(
    which=st.integers(0, 3),
    # How far along, and what stands there then.
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_document_never_crashes(documents, which, changes):
    damaged = bytearray(documents[which])
    for place, byte in changes:
        damaged[int(place * len(damaged))] = byte
    try:
        found = tlsmith.inspect(bytes(damaged))
    except REFUSALS as refusal:
        assert str(refusal)
    else:
        for attribute in ("text", "as_dict", "extensions"):
            getattr(found, attribute, str)()
        repr(found)


@pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__qualname__)
@relaxed
@given(value=anything.filter(lambda value: not isinstance(value, bytes)))
def test_a_source_of_another_type_is_a_type_error(load, value):
    with pytest.raises(TypeError):
        load(value)


ARGUMENTS = {
    "key": (str, tlsmith.Key, type(None)),
    "valid": (str, datetime.datetime, datetime.timedelta, type(None)),
    "common_name": (str, type(None)),
    "organization": (str, type(None)),
    "crl_url": (str, type(None)),
    "ocsp_url": (str, type(None)),
    "must_staple": (bool,),
    "outlive_ca": (bool,),
    "serial": (int, type(None)),
    "extensions": (dict, type(None)),
    "usage": (type(None),),
}


@pytest.mark.parametrize("argument", ARGUMENTS)
@relaxed
@given(value=anything)
def test_an_argument_of_another_type_is_a_type_error(ca, argument, value):
    is_number = argument == "serial" and not isinstance(value, bool)
    if isinstance(value, ARGUMENTS[argument]) and (is_number or argument != "serial"):
        return
    # A usage of nothing has the right type, and no sense.
    is_empty = argument == "usage" and value in ([], {})
    with pytest.raises(tlsmith.ConfigError if is_empty else TypeError):
        ca.issue("localhost", **{argument: value})


@relaxed
@given(value=anything)
def test_a_name_of_another_type_is_a_type_error(ca, value):
    with pytest.raises(TypeError):
        ca.issue(value)
    with pytest.raises(TypeError):
        tlsmith.CSR(value)


@relaxed
@given(value=anything.filter(lambda value: not isinstance(value, bytes)))
def test_a_password_of_another_type_is_a_type_error(value):
    if value is None:
        return
    with pytest.raises(TypeError):
        a_key("ecdsa-p256").encrypted_pem(value)
