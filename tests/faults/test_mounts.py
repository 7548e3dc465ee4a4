"""Files that are mount points, as containers have them, in a mount namespace of its own: a
rename cannot replace them, and the certificate and key that were there stay a pair."""

import pathlib
import shutil
import sys

import pytest
from test_system_calls import check_pair, outcome, snapshot
from tracing import run

import tlsmith

MOUNT = pathlib.Path(__file__).with_name("mount.sh")
FILE_ERROR = -60

WRITE = """
import sys, tlsmith
tlsmith.CA().issue("a.example").write(sys.argv[1])
"""


def mounted(folder, names, command):
    """Run a command in a namespace where each of these files of the folder is a mount point
    with the file of the same name in the folder `mounts`."""
    for program, package in (("unshare", "util-linux"), ("mount", "mount")):
        assert shutil.which(program), (
            f"'{program}' is needed by the tests: apt-get install {package}"
        )
    done = run(
        ["unshare", "--map-root-user", "--mount", "sh", MOUNT, folder, ",".join(names), *command]
    )
    assert done.returncode != 77, (
        f"unprivileged user namespaces with mounts are needed by the tests: {done.stderr}"
    )
    return done


def mount_sources(folder, names):
    """The files that are mounted over those of the folder: copies of them."""
    sources = folder.parent / "mounts"
    sources.mkdir()
    for name in names:
        shutil.copy2(folder / name, sources / name)
    return sources


@pytest.mark.parametrize("names", [["cert.pem"], ["key.pem"], ["cert.pem", "key.pem"]])
@pytest.mark.parametrize("what", ["save", "encrypted", "csr"])
def test_pair_stays_intact_if_a_file_of_it_is_a_mount_point(subject, tmp_path, what, names):
    folder = tmp_path / "saved"
    folder.mkdir()
    command = subject(what, folder)
    assert run(command).returncode == 0
    sources = mount_sources(folder, names)
    before = snapshot(tmp_path)
    status, descriptors, reason = outcome(mounted(folder, names, command))
    assert (status, descriptors) == (FILE_ERROR, 0), reason
    assert any(f"'{folder / name}'" in reason for name in names), reason
    assert "cannot replace the mount point (mount its directory instead)" in reason
    assert snapshot(tmp_path) == before
    check_pair(what, folder)
    for name in names:
        assert (sources / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("what", ["together", "p12"])
def test_one_file_that_is_a_mount_point_stays_intact(subject, tmp_path, what):
    folder = tmp_path / "saved"
    folder.mkdir()
    command = subject(what, folder)
    assert run(command).returncode == 0
    mount_sources(folder, ["cert.pem"])
    before = snapshot(tmp_path)
    status, _, reason = outcome(mounted(folder, ["cert.pem"], command))
    assert status == FILE_ERROR and "cannot replace the mount point" in reason, reason
    assert snapshot(tmp_path) == before


def test_pair_in_a_mounted_directory_is_replaced(subject, tmp_path):
    folder, source = tmp_path / "saved", tmp_path / "mounts"
    for path in (folder, source):
        path.mkdir()
    command = subject("save", folder)
    assert run(command).returncode == 0
    empty, before = snapshot(source), snapshot(folder)
    status, _, reason = outcome(mounted(folder, ["."], command))
    assert status == 0, reason
    assert (empty, snapshot(folder)) == ({}, before)
    check_pair("save", source)


def test_python_leaves_files_that_are_mount_points(tmp_path):
    folder = tmp_path / "saved"
    files = tlsmith.CA().issue("a.example").write(folder)
    names = [pathlib.Path(files.cert).name]
    mount_sources(folder, names)
    before = snapshot(tmp_path)
    done = mounted(folder, names, [sys.executable, "-c", WRITE, folder])
    assert done.returncode == 1
    assert "cannot replace the mount point" in done.stderr.splitlines()[-1], done.stderr
    assert snapshot(tmp_path) == before
    tlsmith.Identity.load(files.cert, files.key)
