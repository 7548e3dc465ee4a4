"""GnuTLS' programs, gnutls-cli and gnutls-serv."""

import base64
import contextlib
import re

from columns import SMALL
from ends import UNTOLD, Seen, receive, sending
from messages import pattern, request
from peer import (
    USER,
    ClientPeer,
    Running,
    ServerPeer,
    Told,
    finish,
    first_match,
    told,
)
from processes import free_port, running, tool

PACKAGE = "gnutls-bin"


class GnuTLSClient(ClientPeer):
    name = "GnuTLS"

    def version(self):
        return "GnuTLS " + first_match(
            r"gnutls-cli ([\d.]+)", tool("gnutls-cli", PACKAGE), "--version"
        )

    def sizes(self, column):
        # It prints each byte by itself, which takes a minute for 16 MiB.
        return SMALL, column.size

    def talk(self, errand):
        command = [tool("gnutls-cli", PACKAGE), "--port", errand.port, "--x509cafile", "ca.pem"]
        command += ["--sni-hostname", "localhost", "--verify-hostname", "localhost"]
        command += ["--logfile", "report.txt"]
        if errand.column.mutual:
            command += ["--x509certfile", "cert.pem", "--x509keyfile", "key.pem"]
        if errand.column.times > 1:
            # It ends the first connection as soon as there is a ticket.
            command += ["--resume", "--waitresumption"]
        question = request(*self.sizes(errand.column))
        data = finish([*command, "127.0.0.1"], errand.folder, data=question)
        report = (errand.folder / "report.txt").read_text()
        versions = re.findall(r"^- Description: \(TLS([\d.]+)", report, re.M)
        resumed = "*** This is a resumed session" in report
        assert len(versions) == errand.column.times, report
        *silent, last = versions
        return [
            *(Told(Seen(version, UNTOLD, UNTOLD), None) for version in silent),
            told(Seen(last, resumed, UNTOLD), data),
        ]


class GnuTLSServer(ServerPeer):
    name = "GnuTLS"

    def version(self):
        return GnuTLSClient().version()

    @contextlib.contextmanager
    def serving(self, errand):
        port = free_port()
        command = [tool("gnutls-serv", PACKAGE), "--port", port, "--echo", "--crlf"]
        command += ["--x509certfile", "cert.pem", "--x509keyfile", "key.pem"]
        if errand.column.mutual:
            command += ["--require-client-cert", "--verify-client-cert", "--x509cafile", "ca.pem"]
        with running(*command, port=port, folder=errand.folder) as process:
            yield Running(port, process)

    def exchange(self, server, sock, column):
        # Its echo is one of lines of text.
        text = base64.encodebytes(pattern(column.size))
        with sending(sock, text):
            assert receive(sock, len(text)) == text, "other text came than was sent"
        return Seen(UNTOLD, UNTOLD, UNTOLD)

    def told_at_end(self, folder):
        # The connection that found out whether it listens has no description.
        report = (folder / "output.log").read_text(errors="replace")
        _, *parts = re.split(r"^\* Accepted connection", report, flags=re.M)
        for part in parts:
            found = re.search(r"^- Description: \(TLS([\d.]+)", part, re.M)
            if found:
                client = USER if f"Subject: CN={USER}" in part else None
                yield Seen(found.group(1), "*** This is a resumed session" in part, client)
