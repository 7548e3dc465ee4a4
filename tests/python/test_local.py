"""The authority of one user."""

import multiprocessing
import os
import stat

import pytest

import tlsmith


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_local_authority_is_made_once_and_loaded_then(tmp_path):
    folder = tmp_path / "not/there/yet"
    first = tlsmith.CA.local(folder)
    assert tlsmith.CA.local(folder).cert == first.cert
    assert sorted(os.listdir(folder)) == ["ca-key.pem", "ca.pem"]
    assert mode(folder / "ca-key.pem") == 0o600
    assert mode(folder) == 0o700
    assert "@" in first.cert.subject
    for one in (first, tlsmith.CA.local(folder)):
        assert one.cert_file == str(folder / "ca.pem")
        assert one.key_file == str(folder / "ca-key.pem")
    assert tlsmith.load_certificate(first.cert_file) == first.cert
    loaded = tlsmith.CA.load(first.cert_file, first.key_file)
    assert loaded.cert_file is loaded.key_file is tlsmith.CA().cert_file is None
    site = tlsmith.CA.local(folder).issue("localhost")
    tlsmith.Trust.roots(folder / "ca.pem").verify(site, hostname="localhost")


def test_local_ca_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("TLSMITH_CA", raising=False)
    ca = tlsmith.CA.local()
    assert tlsmith.load_certificate(tmp_path / "data/tlsmith/ca.pem") == ca.cert
    monkeypatch.setenv("TLSMITH_CA", str(tmp_path / "mine"))
    assert tlsmith.CA.local().cert != ca.cert
    assert (tmp_path / "mine/ca.pem").exists()


def test_local_ca_is_in_the_home_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "relative, so it does not count")
    monkeypatch.delenv("TLSMITH_CA", raising=False)
    ca = tlsmith.CA.local()
    assert tlsmith.load_certificate(tmp_path / ".local/share/tlsmith/ca.pem") == ca.cert


def fingerprint(folder):
    return tlsmith.CA.local(folder).cert.sha256


def test_processes_that_ask_at_once_get_the_same_authority(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        found = pool.map(fingerprint, [tmp_path / "ca"] * 16, chunksize=1)
    assert len(set(found)) == 1


def test_a_key_that_a_crash_left_is_used(tmp_path):
    key = tlsmith.Key.generate("ed25519")
    key.save(tmp_path / "ca-key.pem")
    assert tlsmith.CA.local(tmp_path).key.der == key.der


def test_local_ca_reports_missing_key(tmp_path):
    tlsmith.CA.local(tmp_path)
    (tmp_path / "ca-key.pem").unlink()
    with pytest.raises(tlsmith.ConfigError, match="restore it"):
        tlsmith.CA.local(tmp_path)
    assert os.listdir(tmp_path) == ["ca.pem"]


def test_error_names_invalid_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(tlsmith.ConfigError, match="file/ca.*Not a directory") as caught:
        tlsmith.CA.local(tmp_path / "file/ca")
    assert caught.value.code == "config.file"
