"""CPython's own tests of `ssl`, on our engine."""

import json
import pathlib
import subprocess
import sys

POST_HANDSHAKE = "rustls has no post-handshake authentication (RFC 8446, section 4.6.2)"
MESSAGES = "rustls shows nobody its handshake messages"
DIFFIE_HELLMAN = "finite-field Diffie-Hellman is not supported"

NOT_FOR_US = {
    "ContextTests.test_load_dh_params": DIFFIE_HELLMAN,
    "ContextTests.test_verify_flags": "proxy certificates (RFC 3820) are never accepted",
    "TestPostHandshakeAuth.test_bpo37428_pha_cert_none": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_no_pha_client": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_no_pha_server": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_not_tls13": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_optional": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_optional_nocert": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_required": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_required_nocert": POST_HANDSHAKE,
    "TestPostHandshakeAuth.test_pha_setter": POST_HANDSHAKE,
    "TestSSLDebug.test_msg_callback": MESSAGES,
    "TestSSLDebug.test_msg_callback_deadlock_bpo43577": MESSAGES,
    "TestSSLDebug.test_msg_callback_tls12": MESSAGES,
    "ThreadedTests.test_dh_params": DIFFIE_HELLMAN,
}
"""What is not spoken here, and why."""

LEAST = {(3, 11): 151, (3, 12): 152, (3, 13): 154}
"""How many have to pass, by the version of Python."""

RUN = pathlib.Path(__file__).parent / "cpython/run.py"


def test_cpythons_ssl_tests_pass_on_tlsmith():
    command = [sys.executable, "-W", "ignore", RUN]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    outcomes = json.loads(run.stdout.splitlines()[-1])
    failed = {name: detail for name, (outcome, detail) in outcomes.items() if outcome == "failed"}
    passed = {name for name, (outcome, _) in outcomes.items() if outcome == "ok"}
    assert {name: failed[name] for name in failed.keys() - NOT_FOR_US.keys()} == {}
    assert passed & NOT_FOR_US.keys() == set(), "these pass: they are not to be in the table"
    assert len(passed) >= LEAST.get(sys.version_info[:2], 140)
