"""The command line tells no part of a private key, whatever argument or file it is in.

Every option of every verb is tried, as the parser has them, in this process: a program of
its own for each would take minutes.
"""

import argparse
import contextlib
import io
import logging
import os
import shutil
import socket
import sys
import warnings

import pytest
from key_material import SECRETS

import tlsmith
from tlsmith.cli import _parser, main

ARGUMENTS = ["escaped", "base64", "hex", "secret in hex", "secret in base64"]
FILES = [*ARGUMENTS, "quoted", "intact", "carriage returns", "certificate labels"]

WRITERS = ["ca", "issue", "key", "csr", "sign", "crl"]
"""The verbs that say which files they wrote."""

BINARY = ["DER", "half DER", "longer DER", "secret bytes", "UTF-16"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an authority and a certificate, and a port that is taken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLSMITH_CA", str(tmp_path / "authority"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", open(os.devnull))
    ca = tlsmith.CA.local(tmp_path / "authority")
    site = ca.issue("a.example")
    (tmp_path / "site.pem").write_bytes(site.chain_pem)
    (tmp_path / "site-key.pem").write_bytes(site.key_pem)
    csr = tlsmith.CSR("b.example")
    (tmp_path / "b-csr.pem").write_bytes(csr.pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])
    sys.stdin.close()


def bases(port):
    """For each verb, arguments that let it go on to use the others."""
    return {
        "connect": ["localhost:1"],
        "serve": ["--host", "127.0.0.1", "--port", port],
        "ca": ["init"],
        "issue": ["c.example", "--force"],
        "key": [],
        "csr": ["c.example", "--force"],
        "sign": ["b-csr.pem", "--force"],
        "revoke": ["site.pem"],
        "crl": [],
        "inspect": ["site.pem"],
        "config": [],
        "version": [],
    }


def verbs():
    [subparsers] = [
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    return subparsers.choices


def commands(port, values):
    """Command lines with a value in each place that takes one."""
    for value in values:
        yield [value]
    all_bases = bases(port)
    assert all_bases.keys() == verbs().keys(), "a verb is new: say how to run it"
    for verb, parser in verbs().items():
        base = all_bases[verb]
        options = [one for one in parser._actions if one.option_strings and one.nargs != 0]
        assert verb in ("config", "version") or options
        for value in values:
            yield [verb, *base, value]
            if verb != "serve":
                yield [verb, value]
            for option in options:
                yield [verb, *base, f"{option.option_strings[-1]}={value}"]
                yield [verb, *base, option.option_strings[-1], value]
            yield [verb, *base, f"--{value}"]
    for value in values:
        yield ["serve", *all_bases["serve"], "--cert", "site.pem", "--key", value]
        yield ["serve", *all_bases["serve"], "--cert", value, "--key", value]
        yield ["connect", "localhost:1", "--cert", value, "--key", value]
        yield ["connect", "localhost:1", "--cert", "site.pem", "--key", value]
        yield ["issue", "c.example", "--p12", value, "--password-file", value]
        yield ["issue", "c.example", "--key", value, "--password-file", value]
        yield ["inspect", value, "--password-file", value]
        yield ["inspect", value, "--verify", "--ca", value]
        yield ["inspect", "site.pem", "--verify", "--crl", value]


def run(arguments):
    """All that a command says, and its exit code.  Where a command wrote files, their names,
    which are its arguments, are left out."""
    # With a buffer below, for what is no text.
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "replace") for _ in range(2))
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
    said = []
    for file in (out, err):
        file.flush()
        said.append(file.buffer.getvalue().decode(errors="replace"))
    if code == 0 and arguments[0] in WRITERS:
        said[0] = ""
    return code, "".join(said) + "".join(str(one.message) for one in warned)


def check(secret, what, arguments, caplog):
    before = set(os.listdir())
    code, said = run(arguments)
    # Where such a folder exists, its name is believed to be one.
    for new in set(os.listdir()) - before:
        shutil.rmtree(new) if os.path.isdir(new) else os.remove(new)
    said += caplog.text
    caplog.clear()
    assert not secret.find(said), (what, arguments, code, said)
    return code


def test_arguments_that_are_keys_are_not_repeated(place, caplog):
    secret = SECRETS[1]
    caplog.set_level(logging.DEBUG)
    texts, _ = secret.shapes()
    failed = 0
    for what in ARGUMENTS:
        # No argument of a program has a NUL, and no path may lead out of the folder.
        text = texts[what].replace("\0", "").lstrip("/")
        for arguments in commands(place, [text, f"nowhere/{text}"]):
            failed += check(secret, what, arguments, caplog) != 0
    assert failed > 500


def test_files_that_hold_keys_are_not_repeated(place, tmp_path, caplog):
    secret = SECRETS[0]
    caplog.set_level(logging.DEBUG)
    texts, binary = secret.shapes()
    contents = {what: texts[what].encode() for what in FILES}
    contents |= {what: binary[what] for what in BINARY}
    failed = 0
    for what, content in contents.items():
        # Hashing a password takes a while: for one of them.
        skipped = [] if what == "quoted" else ["--password-file", "--password-file=content.pem"]
        for arguments in commands(place, ["content.pem"]):
            if any(one in skipped for one in arguments):
                continue
            (tmp_path / "content.pem").write_bytes(content)
            failed += check(secret, what, arguments, caplog) != 0
    assert failed > 300
