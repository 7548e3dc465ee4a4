"""Servers that end TLS for others: nginx and HAProxy, in front of a plain HTTP server
that sends back what it gets, and the headers in which they tell what they see."""

import contextlib
import grp
import http.server
import json
import os
import pwd

from ends import Seen
from peer import Running, ServerPeer, first_match, plain_version
from processes import PATIENCE, free_port, running, tool
from threads import thread


class _Proxy(ServerPeer):
    def write(self, errand, port, backend):
        """The files of the proxy: the command that starts it."""
        raise NotImplementedError

    @contextlib.contextmanager
    def serving(self, errand):
        port = free_port()
        with http.server.HTTPServer(("127.0.0.1", 0), _Backend) as backend:
            with thread(lambda: backend.serve_forever(0.01)):
                try:
                    command = self.write(errand, port, backend.server_address[1])
                    with running(*command, port=port, folder=errand.folder) as process:
                        yield Running(port, process)
                finally:
                    backend.shutdown()


class _Backend(http.server.BaseHTTPRequestHandler):
    timeout = PATIENCE

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        version = plain_version(self.headers["X-Version"])
        resumed = {"r": True, "1": True, ".": False, "0": False}[self.headers["X-Resumed"]]
        seen = Seen(version, resumed, self.headers.get("X-Client") or None)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Seen", json.dumps(seen._asdict()))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        """Nothing: the client has the word."""


NGINX = """\
daemon off;
pid nginx.pid;
# Its workers write to the folder of the test, which is this user's alone.
user {user} {group};
worker_processes 1;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:matrix:1m;
        ssl_client_certificate ca.pem;
        ssl_verify_client {verify};
        location / {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_set_header X-Version $ssl_protocol;
            proxy_set_header X-Resumed $ssl_session_reused;
            proxy_set_header X-Client $ssl_client_s_dn;
        }}
    }}
}}
"""


class Nginx(_Proxy):
    name = "nginx"

    def version(self):
        return "nginx " + first_match(r"nginx/([\d.]+)", self._nginx(), "-v")

    def write(self, errand, port, backend):
        verify = "on" if errand.column.mutual else "off"
        text = NGINX.format(
            port=port,
            backend=backend,
            verify=verify,
            user=pwd.getpwuid(os.getuid()).pw_name,
            group=grp.getgrgid(os.getgid()).gr_name,
        )
        (errand.folder / "nginx.conf").write_text(text)
        # What it logs before it has read its settings goes to the error log of -e.
        return [self._nginx(), "-p", errand.folder, "-c", "nginx.conf", "-e", "stderr"]

    def _nginx(self):
        return tool("nginx", "nginx-light")


HAPROXY = """\
global
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 30s
    timeout client 30s
    timeout server 30s
frontend tls
    bind 127.0.0.1:{port} ssl crt both.pem {verify}
    http-request set-header X-Version %[ssl_fc_protocol]
    http-request set-header X-Resumed %[ssl_fc_is_resumed]
    http-request set-header X-Client %[ssl_c_s_dn(CN)]
    default_backend plain
backend plain
    server plain 127.0.0.1:{backend}
"""


class HAProxy(_Proxy):
    name = "HAProxy"

    def version(self):
        return "HAProxy " + first_match(r"version ([\d.]+)", self._haproxy(), "-v")

    def write(self, errand, port, backend):
        folder = errand.folder
        both = (folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes()
        (folder / "both.pem").write_bytes(both)
        verify = "ca-file ca.pem verify required" if errand.column.mutual else ""
        text = HAPROXY.format(port=port, backend=backend, verify=verify)
        (folder / "haproxy.cfg").write_text(text)
        return [self._haproxy(), "-db", "-f", "haproxy.cfg"]

    def _haproxy(self):
        return tool("haproxy", "haproxy")
