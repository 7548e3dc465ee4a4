"""NSS' programs, tstclnt and selfserv, with a database of their own."""

import contextlib
import re

from columns import LARGE
from ends import UNTOLD, Seen, receive
from messages import END_OF_HEAD, read_message, request
from peer import PASSWORD, USER, ClientPeer, Running, ServerPeer, finish, run, told, write_pkcs12
from processes import free_port, running, tool

PACKAGE = "libnss3-tools"


def database(folder):
    """An NSS database that trusts the CA and has the peer's own certificate: what that is
    called there."""
    (folder / "nss").mkdir()
    write_pkcs12(folder)
    certutil = [tool("certutil", PACKAGE), "-d", "sql:nss"]
    finish([*certutil, "-N", "--empty-password"], folder)
    finish([*certutil, "-A", "-n", "ca", "-t", "CT,,", "-i", "ca.pem"], folder)
    pk12util = [tool("pk12util", PACKAGE), "-d", "sql:nss", "-K", "", "-W", PASSWORD]
    finish([*pk12util, "-i", "own.p12"], folder)
    listed = finish([*certutil, "-L"], folder).decode()
    return re.search(r"^(.*\S) +u,u,u *$", listed, re.M).group(1)


def _version():
    """The programs do not tell theirs."""
    tool("tstclnt", PACKAGE)
    return "NSS"


class NSSClient(ClientPeer):
    name = "NSS"

    def version(self):
        return _version()

    def talk(self, errand):
        own = database(errand.folder)
        column = errand.column
        (errand.folder / "request").write_bytes(request(column.size))
        # It waits for the end of its input for ever where that is a pipe.
        command = [tool("tstclnt", PACKAGE), "-4", "-h", "localhost", "-p", errand.port]
        command += ["-d", "sql:nss", "-V", "tls1.2:tls1.3", "-u", "-v", "-A", "request"]
        if column.mutual:
            command += ["-n", own]
        if column.times > 1:
            command += ["-L", column.times]
        data, report = run(command, errand.folder)
        versions = re.findall(r"SSL version 3\.(\d)", report)
        assert len(versions) == column.times, report[-2000:]
        starts = [found.start() for found in re.finditer(rb"HTTP/1\.1 200 OK\r\n", data)]
        answers = [data[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
        return [
            # It writes two line feeds after what it reads.
            told(Seen(f"1.{int(minor) - 1}", UNTOLD, UNTOLD), _trimmed(answer, column.size))
            for minor, answer in zip(versions, answers, strict=True)
        ]


def _trimmed(answer, size):
    return answer[: answer.index(END_OF_HEAD) + len(END_OF_HEAD) + size]


BLOCK = 16 << 10


class NSSServer(ServerPeer):
    name = "NSS"

    def version(self):
        return _version()

    @contextlib.contextmanager
    def serving(self, errand):
        own = database(errand.folder)
        port = free_port()
        command = [tool("selfserv", PACKAGE), "-d", "sql:nss", "-n", own, "-p", port]
        command += ["-V", "tls1.2:tls1.3", "-u", "-v"]
        if errand.column.mutual:
            command += ["-r", "-r"]
        if errand.column.size == LARGE:
            # All that it has to say beside what it was asked; it takes no more than that.
            command += ["-g", LARGE // BLOCK]
        with running(*command, port=port, folder=errand.folder) as process:
            yield Running(port, process)

    def exchange(self, server, sock, column):
        question = request(0)
        sock.sendall(question)
        if column.size == LARGE:
            # They are bytes of its memory: their number is all that there is to compare.
            receive(sock, LARGE)
            return Seen(UNTOLD, UNTOLD, UNTOLD)
        answer = read_message(sock.recv)
        assert answer.body.startswith(question), answer
        return Seen(UNTOLD, UNTOLD, UNTOLD)

    def told_at_end(self, folder):
        report = (folder / "output.log").read_text(errors="replace")
        _, *parts = re.split(r"SSL version 3\.(\d)", "\n" + report)
        # Of a client's certificate it speaks before that.
        mutual = f"Subject: CN={USER}" in report
        hits = 0
        for minor, part in zip(parts[::2], parts[1::2], strict=True):
            before, hits = hits, int(re.search(r"(\d+) cache hits", part).group(1))
            yield Seen(f"1.{int(minor) - 1}", hits > before, USER if mutual else None)
