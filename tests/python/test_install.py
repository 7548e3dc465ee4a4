"""Stores of trust: a scratch root, scratch stores of NSS, a scratch keystore."""

import os
import shutil
import subprocess

import pytest
from conftest import KEY_TYPES, a_key

import tlsmith
from tlsmith import _install


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def debian(tmp_path):
    """A root of Debian, as far as its store of certificates needs one."""
    root = tmp_path / "root"
    for folder in (
        "usr/local/share/ca-certificates",
        "usr/share/ca-certificates",
        "etc/ssl/certs",
        "etc/ca-certificates/update.d",
    ):
        (root / folder).mkdir(parents=True)
    tlsmith.CA("distribution").cert.save(root / "usr/share/ca-certificates/distribution.crt")
    (root / "etc/ca-certificates.conf").write_text("distribution.crt\n")
    return root


def bundled(root):
    """What the bundle has beside what came with the system."""
    bundle = tlsmith.Certificate.load_all(root / "etc/ssl/certs/ca-certificates.crt")
    return [cert for cert in bundle if cert.subject != "CN=distribution"]


@pytest.fixture
def profile(tmp_path):
    """A store of NSS."""
    folder = tmp_path / "profile"
    folder.mkdir()
    assert shutil.which("certutil"), "certutil is needed: apt-get install libnss3-tools"
    run("certutil", "-N", "--empty-password", "-d", f"sql:{folder}")
    return folder


def test_the_systems_store_is_changed_and_changed_back(ca, debian):
    site = ca.issue("localhost")
    assert ca.install(["system"], prefix=debian) == ["system"]
    assert bundled(debian) == [ca.cert]
    with site.files() as files:
        run("openssl", "verify", "-CApath", debian / "etc/ssl/certs", files.cert)
    assert ca.install(["system"], prefix=debian) == []
    assert ca.uninstall(["system"], prefix=debian) == ["system"]
    assert bundled(debian) == []
    assert os.listdir(debian / "usr/local/share/ca-certificates") == []
    assert ca.uninstall(["system"], prefix=debian) == []


def test_two_cas_can_be_installed_together(ca, debian):
    other = tlsmith.CA()
    for one in (ca, other):
        one.install(["system"], prefix=debian)
    ca.uninstall(["system"], prefix=debian)
    assert bundled(debian) == [other.cert]


def test_an_intermediate_installs_its_root(ca, debian):
    ca.intermediate().install(["system"], prefix=debian)
    assert bundled(debian) == [ca.cert]


@pytest.mark.parametrize(
    ("anchors", "command"),
    [
        ("etc/pki/ca-trust/source/anchors", "update-ca-trust extract"),
        ("etc/ca-certificates/trust-source/anchors", "trust extract-compat"),
        ("usr/share/pki/trust/anchors", "update-ca-certificates"),
    ],
)
def test_other_systems_have_their_folders_and_tools(ca, tmp_path, monkeypatch, anchors, command):
    folder = tmp_path / "root" / anchors
    folder.mkdir(parents=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    tool = tools / command.split()[0]
    tool.write_text(f'#!/bin/sh\necho "${{0##*/}}${{1:+ $1}}" >> {tmp_path}/called\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    ca.install(["system"], prefix=tmp_path / "root")
    (anchor,) = folder.iterdir()
    assert tlsmith.load_certificate(anchor) == ca.cert
    ca.uninstall(["system"], prefix=tmp_path / "root")
    assert list(folder.iterdir()) == []
    assert (tmp_path / "called").read_text() == f"{command}\n" * 2


def test_a_tool_that_fails_leaves_nothing_behind(ca, tmp_path, monkeypatch):
    folder = tmp_path / "root/etc/pki/ca-trust/source/anchors"
    folder.mkdir(parents=True)
    (tmp_path / "update-ca-trust").write_text("#!/bin/sh\necho no luck >&2\nexit 3\n")
    (tmp_path / "update-ca-trust").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(tlsmith.ConfigError, match="update-ca-trust extract' failed: no luck"):
        ca.install(["system"], prefix=tmp_path / "root")
    assert list(folder.iterdir()) == []


def test_install_reports_unknown_system(ca, tmp_path):
    with pytest.raises(tlsmith.ConfigError, match="none of .*usr/local/share/ca-certificates"):
        ca.install(["system"], prefix=tmp_path)


def test_install_without_root_prints_the_command(ca, debian, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    class Root:
        sha256 = ca.cert.sha256
        save = staticmethod(refuse)

    with pytest.raises(tlsmith.ConfigError, match="sudo cp .* && sudo update-ca-certificates"):
        _install.install(Root(), ["system"], prefix=debian)


def test_a_store_of_nss_is_changed_and_changed_back(ca, profile):
    changed = [f"nss:{profile}"]
    assert ca.install(["nss"], profiles=[profile]) == changed
    assert ca.install(["nss"], profiles=[profile]) == []
    name = f"tlsmith-{ca.cert.sha256.hex()[:16]}"
    pem = run("certutil", "-L", "-d", f"sql:{profile}", "-n", name, "-a")
    assert tlsmith.load_certificate(pem) == ca.cert
    site = ca.issue("localhost")
    with site.files() as files:
        run("certutil", "-A", "-d", f"sql:{profile}", "-n", "site", "-t", ",,", "-i", files.cert)
    assert "certificate is valid" in run(
        "certutil", "-V", "-d", f"sql:{profile}", "-n", "site", "-u", "V"
    )
    assert ca.uninstall(["nss"], profiles=[profile]) == changed
    assert ca.uninstall(["nss"], profiles=[profile]) == []
    assert name not in run("certutil", "-L", "-d", f"sql:{profile}")


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_browsers_accept_the_keys_of_rsa_and_ecdsa(kind):
    root = tlsmith.CA("Root", key=a_key(kind)).cert
    doubt = _install.refused_by_browsers(root)
    if kind.startswith(("rsa", "ecdsa")):
        assert doubt is None
    else:
        assert "ECDSA" in doubt and "RSA" in doubt and kind in doubt and "CN=Root" in doubt


def test_the_profiles_of_a_user_are_found(ca, profile, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ca.install(["nss"]) == []
    firefox = tmp_path / ".mozilla/firefox/abc.default"
    chromium = tmp_path / ".pki/nssdb"
    for folder in (firefox, chromium):
        shutil.copytree(profile, folder)
    (tmp_path / ".mozilla/firefox/profiles.ini").touch()
    assert ca.install(["nss"]) == [f"nss:{chromium}", f"nss:{firefox}"]


def test_error_names_profile_without_nss_database(ca, tmp_path):
    with pytest.raises(tlsmith.ConfigError, match="certutil -N"):
        ca.install(["nss"], profiles=[tmp_path])


def test_missing_tool_is_reported_before_any_change(ca, debian, profile, monkeypatch):
    which = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **more: None if name == "certutil" else which(name, **more)
    )
    with pytest.raises(tlsmith.ConfigError, match="apt-get install libnss3-tools"):
        ca.install(["system", "nss"], prefix=debian, profiles=[profile])
    assert os.listdir(debian / "usr/local/share/ca-certificates") == []


def test_a_keystore_of_java_is_changed_and_changed_back(ca, tmp_path, monkeypatch):
    store = tmp_path / "lib/security/cacerts"
    store.parent.mkdir(parents=True)
    keytool = ["keytool", "-keystore", store, "-storepass", "changeit"]
    run(*keytool, "-genkeypair", "-keyalg", "EC", "-alias", "other", "-dname", "CN=other")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert ca.install(["java"]) == ["java"]
    assert ca.install(["java"]) == []
    name = f"tlsmith-{ca.cert.sha256.hex()[:16]}"
    pem = run(*keytool, "-exportcert", "-rfc", "-alias", name)
    assert tlsmith.load_certificate(pem) == ca.cert
    assert ca.uninstall(["java"]) == ["java"]
    assert ca.uninstall(["java"]) == []
    assert name not in run(*keytool, "-list")


def test_error_names_java_home_without_keystore(ca, tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(tlsmith.ConfigError, match="JAVA_HOME is .*cacerts"):
        ca.install(["java"])


def test_error_names_unknown_store(ca):
    with pytest.raises(tlsmith.ConfigError, match="'windows'"):
        ca.install(["windows"])
    with pytest.raises(TypeError, match="sequence"):
        ca.install("system")
