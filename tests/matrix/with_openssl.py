"""OpenSSL's own programs, s_client and s_server."""

import contextlib
import re
import subprocess

from columns import LARGE
from ends import UNTOLD, Seen, receive, sending
from messages import END_OF_HEAD, pattern, request
from peer import (
    ClientPeer,
    Running,
    ServerPeer,
    assert_is_pattern,
    finish,
    first_match,
    plain_version,
    told,
)
from processes import free_port, running, tool
from threads import thread


def _openssl():
    return tool("openssl", "openssl")


class OpenSSLClient(ClientPeer):
    name = "OpenSSL"

    def version(self):
        return first_match(r"(OpenSSL [\w.]+)", _openssl(), "version")

    def talk(self, errand):
        command = [_openssl(), "s_client", "-connect", f"127.0.0.1:{errand.port}"]
        command += ["-servername", "localhost", "-verify_hostname", "localhost"]
        command += ["-CAfile", "ca.pem", "-verify_return_error"]
        if errand.column.mutual:
            command += ["-cert", "cert.pem", "-key", "key.pem"]
        command.append("-ign_eof")
        return [
            self._connect([*command, "-sess_in" if again else "-sess_out", "session.pem"], errand)
            for again in range(errand.column.times)
        ]

    def _connect(self, command, errand):
        """One connection: the program's reports stand before and after the response."""
        said = finish(command, errand.folder, data=request(errand.column.size))
        report, start, rest = said.partition(b"HTTP/1.1 ")
        text = report.decode(errors="replace")
        found = re.search(r"^(New|Reused), TLSv([\d.]+), Cipher", text, re.M)
        assert found, text
        seen = Seen(found.group(2), found.group(1) == "Reused", UNTOLD)
        head = rest.index(END_OF_HEAD) + len(END_OF_HEAD)
        return told(seen, start + rest[: head + errand.column.size])


class OpenSSLServer(ServerPeer):
    name = "OpenSSL"

    def version(self):
        return OpenSSLClient().version()

    @contextlib.contextmanager
    def serving(self, errand):
        port = free_port()
        command = [_openssl(), "s_server", "-accept", f"127.0.0.1:{port}"]
        command += ["-cert", "cert.pem", "-key", "key.pem"]
        if errand.column.mutual:
            command += ["-Verify", "1", "-CAfile", "ca.pem", "-verify_return_error"]
        # Its page tells what it sees, but it takes no bytes then.
        command.append("-quiet" if errand.column.size == LARGE else "-www")
        pipe = subprocess.PIPE
        with running(*command, port=port, folder=errand.folder, stdin=pipe, stdout=pipe) as process:
            with process.stdin, process.stdout:
                yield Running(port, process)

    def exchange(self, server, sock, column):
        if column.size == LARGE:
            return self._copy(server.process, sock, column.size)
        sock.sendall(request(0))
        page = b""
        while part := sock.recv():
            page += part
        page = page.decode()
        how, version = re.search(r"^(New|Reused), TLSv([\d.]+), Cipher", page, re.M).groups()
        # A resumed session has the certificate without its text.
        client = re.search(r"^Client certificate\n(.*?Subject: [^\n]*)", page, re.M | re.S)
        if column.mutual:
            assert client, page
        return Seen(plain_version(version), how == "Reused", client and client.group(1))

    def _copy(self, process, sock, size):
        """From its input to tlsmith, and from tlsmith to its output."""
        with (
            sending(sock, pattern(size)),
            thread(lambda: process.stdin.write(pattern(size)) and process.stdin.flush()),
            thread(lambda: process.stdout.read(size)) as reading,
        ):
            assert_is_pattern(receive(sock, size), size)
        assert_is_pattern(reading.result, size)
        return Seen(UNTOLD, UNTOLD, UNTOLD)
