"""The plugin for pytest, in a run of its own."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester):
    """Runs a test file in another process, where the plugin comes by its entry
    point alone."""

    def run(code, ini=""):
        pytester.makepyfile(code)
        pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")

    return run


def test_the_servers_and_contexts_fit_together(suite):
    result = suite(
        """
        import socket
        import ssl
        import threading

        def echo(host, port, context):
            with socket.create_connection((host, port), timeout=30) as plain:
                with context.wrap_socket(plain, server_hostname=host) as sock:
                    sock.sendall(b"hello")
                    assert sock.recv(5) == b"hello"

        def test_server(tls_server, tls_client_context):
            for _ in range(3):
                echo(tls_server.host, tls_server.port, tls_client_context)

        def test_idle_client_does_not_block_shutdown(tls_server, tls_client_context):
            plain = socket.create_connection((tls_server.host, tls_server.port), timeout=30)
            sock = tls_client_context.wrap_socket(plain, server_hostname=tls_server.host)
            global kept
            kept = sock

        def test_silent_client_does_not_block_shutdown(tls_server):
            global silent
            silent = socket.create_connection((tls_server.host, tls_server.port))

        def test_fixtures_close_their_connections():
            kept.close()
            silent.close()

        def test_contexts(tls_server_context, tls_client_context):
            near, far = socket.socketpair()

            def serve():
                with tls_server_context.wrap_socket(far, server_side=True) as sock:
                    sock.sendall(sock.recv(5))

            thread = threading.Thread(target=serve)
            thread.start()
            with tls_client_context.wrap_socket(near, server_hostname="127.0.0.1") as sock:
                sock.sendall(b"hello")
                assert sock.recv(5) == b"hello"
            thread.join()
        """
    )
    result.assert_outcomes(passed=5)


def test_identities_and_files_are_of_one_authority(suite):
    result = suite(
        """
        import os
        import tlsmith

        def test_identity(tls_ca, tls_identity):
            site = tls_identity("a.example", valid="1h")
            tlsmith.Trust.roots(tls_ca).verify(site, hostname="a.example")
            assert tls_identity().cert.names == ("localhost", "127.0.0.1", "::1")

        def test_files(tls_ca, tls_files):
            global files
            files = tls_files
            site = tlsmith.Identity.load(files.chain, files.key)
            tlsmith.Trust.roots(files.ca).verify(site, hostname="127.0.0.1")
            assert tlsmith.load_certificate(files.ca) == tls_ca.cert

        def test_files_are_gone():
            assert not os.path.exists(files.key)
        """
    )
    result.assert_outcomes(passed=3)


def test_the_type_of_the_keys_is_set(suite):
    result = suite(
        """
        def test_key(tls_ca, tls_identity, tls_files):
            assert tls_ca.key.type == tls_identity().key.type == "ed25519"
            assert tls_identity(key="ecdsa-p384").key.type == "ecdsa-p384"
        """,
        "tlsmith_key = ed25519",
    )
    result.assert_outcomes(passed=1)


def test_tls_bad_runs_with_every_kind(suite):
    from tlsmith.testing import KINDS

    result = suite(
        """
        import pytest
        import tlsmith

        def test_bad(tls_bad):
            if tls_bad.name != "key-mismatch":
                with pytest.raises(tlsmith.VerifyError) as refused:
                    tls_bad.trust.verify(tls_bad.identity, hostname=tls_bad.hostname)
                assert refused.value.reason == tls_bad.reason
        """
    )
    result.assert_outcomes(passed=len(KINDS))


def test_unused_pytest_plugin_imports_nothing(suite):
    result = suite(
        """
        import sys

        def test_nothing():
            modules = {"tlsmith.testing", "tlsmith._echo", "cryptography"} & set(sys.modules)
            assert not modules
        """
    )
    result.assert_outcomes(passed=1)
    # Without the garbage that pytest leaves to be collected just then.
    program = """
import gc, pytest, sys, time
gc.disable()
before = time.process_time()
import tlsmith.pytest_plugin
print(time.process_time() - before)
"""
    command = [sys.executable, "-c", program]
    spent = min(float(subprocess.check_output(command)) for _ in range(15))
    assert spent < 0.010, f"{spent * 1000:.1f} ms"
