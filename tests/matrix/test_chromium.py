"""Headless Chromium loads a page from tlsmith, whose CA it trusts through NSS."""

import os

import pytest
from columns import COLUMNS
from ends import Server
from peer import ClientPeer, finish, first_match
from processes import tool
from with_nss import database

PAGE = b"<!DOCTYPE html><title>A page</title><p id=page>loaded with TLS</p>"


class Chromium(ClientPeer):
    name = "Chromium"
    heavy = True

    def version(self):
        return "Chromium " + first_match(r"Chromium ([\d.]+)", self._chromium(), "--version")

    def load(self, folder, url):
        """What the page is after it was loaded."""
        home = folder / "home"
        (home / ".pki").mkdir(parents=True)
        (folder / "nss").rename(home / ".pki" / "nssdb")
        command = [self._chromium(), "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--disable-dev-shm-usage", "--no-proxy-server", "--dump-dom", url]
        environment = {**os.environ, "HOME": str(home)}
        return finish(command, folder, env=environment).decode()

    def _chromium(self):
        return tool("chromium", "chromium")


@pytest.mark.heavy
@pytest.mark.parametrize(
    "column", [one for one in COLUMNS if one.name == one.version], ids=lambda column: column.name
)
@pytest.mark.parametrize("peer", [Chromium()], ids=repr)
def test_chromium_loads_page(peer, column, ca, site, user, tmp_path, record_property):
    record_property("version", peer.version())
    (tmp_path / "ca.pem").write_bytes(ca.cert.pem)
    (tmp_path / "cert.pem").write_bytes(user.chain_pem)
    (tmp_path / "key.pem").write_bytes(user.key_pem)
    database(tmp_path)
    with Server(site, column.version, pages={"/": PAGE}) as server:
        shown = peer.load(tmp_path, f"https://localhost:{server.port}/")
        seen = [one.seen for one in server.served if one.request is not None]
    assert "loaded with TLS" in shown, f"{shown[:500]} {server.failures}"
    assert seen and all(one.version == column.version for one in seen)
