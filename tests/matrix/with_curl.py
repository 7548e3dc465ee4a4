"""curl, with the TLS library that Debian builds it with."""

import re

from ends import UNTOLD, Seen
from messages import pattern
from peer import ClientPeer, first_match, run, told
from processes import PATIENCE, tool


class Curl(ClientPeer):
    name = "curl"

    def version(self):
        curl = tool("curl", "curl")
        library = first_match(r"libcurl/\S+ (\S+)", curl, "--version").replace("/", " ")
        return "curl " + first_match(r"curl ([\d.]+)", curl, "--version") + f" ({library})"

    def talk(self, errand):
        column = errand.column
        (errand.folder / "body").write_bytes(pattern(column.size))
        command = [tool("curl", "curl"), "-sS", "-v", "--noproxy", "*", "--cacert", "ca.pem"]
        command += ["--max-time", PATIENCE, "--http1.1", "-H", "Expect:"]
        if column.mutual:
            command += ["--cert", "cert.pem", "--key", "key.pem"]
        # One process for all connections keeps the sessions.
        for number in range(column.times):
            command += ["-o", f"answer-{number}", f"https://localhost:{errand.port}/{column.size}"]
        _, report = run([*command, "-i", "--data-binary", "@body"], errand.folder)
        versions = re.findall(r"SSL connection using TLSv([\d.]+)", report)
        assert len(versions) == column.times, report
        return [
            told(Seen(version, UNTOLD, UNTOLD), (errand.folder / f"answer-{number}").read_bytes())
            for number, version in enumerate(versions)
        ]
