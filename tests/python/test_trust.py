"""Trust.verify(): chains, without a connection."""

import datetime
import os
import subprocess
import sys
import threading

import pytest

import tlsmith

DAY = datetime.timedelta(days=1)


def refusal(trust, chain, **options):
    with pytest.raises(tlsmith.VerifyError) as caught:
        trust.verify(chain, **options)
    assert caught.value.hostname == options.get("hostname")
    return caught.value.reason


@pytest.fixture(scope="module")
def trust(ca):
    return tlsmith.Trust.roots(ca)


@pytest.mark.parametrize(
    ("issued", "right", "wrong"),
    [
        ("localhost", ["localhost", "LocalHost"], ["localhost2", "a.localhost"]),
        (
            "*.example.com",
            ["a.example.com", "B.example.com"],
            ["example.com", "a.b.example.com", "a.example.org"],
        ),
        ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "::1", "::ffff:127.0.0.1"]),
        ("2001:db8::1", ["2001:db8::1", "2001:DB8:0::0:1"], ["2001:db8::2", "127.0.0.1"]),
        (
            "müller.example",
            ["müller.example", "MÜLLER.example", "xn--mller-kva.example"],
            ["muller.example", "möller.example"],
        ),
        ("xn--mller-kva.example", ["müller.example", "xn--mller-kva.example"], ["mller.example"]),
        ("*.müller.example", ["a.müller.example", "a.xn--mller-kva.example"], ["müller.example"]),
    ],
)
def test_names(ca, trust, issued, right, wrong):
    site = ca.issue(issued)
    for hostname in right:
        assert trust.verify(site, hostname=hostname) == (site.cert, ca.cert)
    for hostname in wrong:
        assert refusal(trust, site, hostname=hostname) == "name_mismatch"
    assert trust.verify(site) == (site.cert, ca.cert)


def test_time():
    ca = tlsmith.CA(valid="-20d..20d")
    trust, site = tlsmith.Trust.roots(ca), ca.issue("localhost", valid="-2d..-1d")
    start, end = site.cert.not_before, site.cert.not_after
    assert refusal(trust, site) == "expired"
    for at in (start, end, start + DAY / 2, int(end.timestamp())):
        assert trust.verify(site, at=at) == (site.cert, ca.cert)
    assert refusal(trust, site, at=end + DAY / 86400) == "expired"
    assert refusal(trust, site, at=start - DAY / 86400) == "not_yet_valid"
    # Another zone is the same moment.
    zone = datetime.timezone(datetime.timedelta(hours=14))
    assert trust.verify(site, at=end.astimezone(zone))


def test_usage(ca, trust):
    server, client = ca.issue("localhost"), ca.issue_client("alice@example.org")
    assert trust.verify(server, usage="server") == (server.cert, ca.cert)
    assert trust.verify(client, usage="client") == (client.cert, ca.cert)
    assert refusal(trust, server, usage="client") == "wrong_usage"
    assert refusal(trust, client) == "wrong_usage"
    assert refusal(trust, ca) == "not_an_end_entity"


def test_path_building_uses_all_certificates(ca, trust):
    middle = ca.intermediate("Issuing CA")
    site, other = middle.issue("localhost"), tlsmith.CA("Other CA")
    path = (site.cert, middle.cert, ca.cert)
    assert trust.verify(site) == path
    assert trust.verify(site.chain) == path
    assert trust.verify([site.cert, other.cert, ca.cert, middle.cert]) == path
    assert refusal(trust, [site.cert]) == "unknown_issuer"
    assert refusal(tlsmith.Trust.roots(other), site) == "unknown_issuer"
    assert tlsmith.Trust.roots(middle).verify([site.cert]) == (site.cert, middle.cert)
    assert (tlsmith.Trust.roots(other) | ca).verify(site) == path
    impostor = tlsmith.CA(ca.cert.subject.removeprefix("CN="))
    assert refusal(trust, impostor.issue("localhost")) == "bad_signature"


def test_every_certificate_of_a_file_is_trusted(ca, tmp_path):
    other, device = tlsmith.CA("Other CA"), tlsmith.CA("Third CA").issue("device.example")
    file = tmp_path / "trusted.pem"
    file.write_bytes(ca.cert.pem + device.cert.pem + other.cert.pem)
    for trust in (tlsmith.Trust.roots(file), tlsmith.Client(trust=file)._arguments["trust"]):
        assert len(trust) == 3
        for authority in (ca, other):
            site = authority.issue("localhost")
            assert trust.verify(site, hostname="localhost") == (site.cert, authority.cert)
        assert trust.verify([device.cert], hostname="device.example") == (device.cert,)
    # A pin is given by itself: a file of a chain would trust all of it.
    for chain in (file, str(file), tlsmith.load_certificates(file)):
        with pytest.raises(TypeError, match="must be a Pin or a Certificate"):
            tlsmith.Trust.pinned(chain)


def test_the_roots_may_be_those_of_the_system(ca, tmp_path):
    program = """
import sys, tlsmith
print(tlsmith.Trust.system().verify(tlsmith.load_certificates(sys.argv[1])))
"""
    site = ca.issue("localhost")
    files = site.write(tmp_path)
    command = [sys.executable, "-c", program, files.chain]
    out = subprocess.check_output(command, env={**os.environ, "SSL_CERT_FILE": files.ca}, text=True)
    assert out == f"{(site.cert, ca.cert)}\n"
    # The system of this process knows nothing of that file.
    assert refusal(tlsmith.Trust.system(), site) == "unknown_issuer"


def test_the_roots_of_the_system_may_be_in_a_file_and_in_folders(ca, tmp_path):
    program = """
import sys, tlsmith
for chain in sys.argv[1:]:
    try:
        path = tlsmith.Trust.system().verify(tlsmith.load_certificates(chain))
        print(path[-1].subject)
    except tlsmith.VerifyError as error:
        print(error)
"""
    other, stranger = tlsmith.CA("Other CA"), tlsmith.CA("Stranger CA")
    chains = [
        str(one.issue("localhost").write(tmp_path / name).chain)
        for name, one in (("file", ca), ("folder", other), ("neither", stranger))
    ]
    folders = [tmp_path / "roots", tmp_path / "more roots"]
    for folder in folders:
        folder.mkdir()
        (folder / "not a certificate").write_text("nothing")
    for folder, root in ((folders[0], ca), (folders[1], other)):
        (folder / "root.pem").write_bytes(root.cert.pem)
    one_file = {"SSL_CERT_FILE": str(folders[0] / "root.pem")}
    all_folders = {"SSL_CERT_DIR": os.pathsep.join(map(str, [*folders, tmp_path / "none"]))}
    for variables in (one_file | all_folders, all_folders):
        command = [sys.executable, "-c", program, *chains]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SSL_CERT_")}
        out = subprocess.check_output(command, env=clean | variables, text=True)
        first, second, third = out.splitlines()
        assert (first, second) == (ca.cert.subject, other.cert.subject)
        assert "trusted roots (2 in all)" in third


def test_error_names_damaged_system_store(tmp_path):
    (tmp_path / "roots.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
    variables = {"SSL_CERT_FILE": str(tmp_path / "roots.pem"), "SSL_CERT_DIR": str(tmp_path / "no")}
    command = [sys.executable, "-c", "import tlsmith; tlsmith.Client()"]
    failed = subprocess.run(
        command, env={**os.environ, **variables}, text=True, capture_output=True, check=False
    )
    assert failed.returncode == 1
    assert "(a file of its store is damaged PEM)" in failed.stderr


def test_insecure_accepts_everything_and_warns(ca):
    expired = tlsmith.CA().issue("localhost", valid="-1h..-1m")
    with pytest.warns(tlsmith.InsecureWarning) as caught:
        assert tlsmith.INSECURE.verify(expired, hostname="another.example") == ()
    assert caught[0].filename == __file__


def test_trust_without_roots_is_rejected():
    # It must not fall back to what the system trusts.
    for call in (
        lambda: tlsmith.Client(trust=tlsmith.Trust()),
        lambda: tlsmith.Trust().verify([]),
        lambda: tlsmith.Server(tlsmith.CA().issue("localhost"), client_trust=tlsmith.Trust()),
    ):
        with pytest.raises(tlsmith.ConfigError, match="the Trust is empty"):
            call()


def test_wrong_arguments(ca, trust):
    site = ca.issue("localhost")
    for call in (
        lambda: trust.verify(3),
        lambda: trust.verify(site.cert),
        lambda: trust.verify([site]),
        lambda: trust.verify("localhost"),
        lambda: trust.verify(site, hostname=b"localhost"),
        lambda: trust.verify(site, at="today"),
        lambda: trust.verify(site, at=1.5),
        lambda: trust.verify(site, usage=3),
    ):
        with pytest.raises(TypeError):
            call()
    for call, part in (
        (lambda: trust.verify([]), "the chain is empty"),
        (lambda: trust.verify(site, hostname=""), "''"),
        (lambda: trust.verify(site, hostname="a b"), "a b"),
        (lambda: trust.verify(site, at=-5), "-5"),
        (lambda: trust.verify(site, at=datetime.datetime(2026, 1, 2)), "2026-01-02"),
        (lambda: trust.verify(site, usage="mail"), "mail"),
    ):
        with pytest.raises(tlsmith.ConfigError) as caught:
            call()
        assert part in str(caught.value)


@pytest.mark.parametrize("omits", [False, True])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_server_sends_certificate_authorities_unless_omitted(version, omits):
    ca = tlsmith.CA()
    server = tlsmith.Server(
        ca.issue("localhost"),
        client_trust=ca,
        client_auth="optional",
        min_version=version,
        max_version=version,
        omit_certificate_authorities=omits,
    )
    with server.listen(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=lambda: listener.accept()[0].recv())
        accepting.start()
        host, port = listener.address
        command = ["openssl", "s_client", "-connect", f"{host}:{port}"]
        done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60)
        accepting.join()
    assert ("No client certificate CA names sent" in done.stdout) is omits, done.stdout
