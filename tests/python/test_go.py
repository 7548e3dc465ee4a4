"""Go's crypto/x509: its requests, and its verdict on what is issued for them."""

import subprocess
from pathlib import Path

import pytest
from processes import go_program

import tlsmith

SOURCE = Path(__file__).parent / "go" / "requests.go"


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """The program of requests.go, as a function of its arguments."""
    program = go_program(SOURCE, tmp_path_factory)

    def run(*arguments):
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_requests_of_go_are_signed_and_go_verifies_the_certificates(go, tmp_path):
    go("make", tmp_path)
    root = tlsmith.CA()
    ca = root.intermediate()
    (tmp_path / "root.pem").write_bytes(root.cert_pem)
    kinds = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "pss"]
    for kind in kinds:
        csr = tlsmith.CSR.load(tmp_path / f"{kind}.csr")
        assert csr.key_type == ("rsa-2048" if kind == "pss" else kind)
        # Go writes both units into one part of the name.
        assert csr.subject == "CN=go.example,OU=a+OU=b"
        assert csr.names == ("go.example", "192.0.2.7")
        site = ca.sign(csr, copy_extensions=True)
        assert site.cert.subject == csr.subject
        assert "1.2.3.4.5: 04020102" in site.cert.text()
        chain = tmp_path / f"{kind}.pem"
        chain.write_bytes(site.chain_pem)
        assert go("verify", tmp_path / "root.pem", chain, "go.example") == "3\n"
