"""Python's http.server behind the gateway: answers what it understood, and writes it down.

usage: upstream_python.py LOG python|simple, prints its port

`python` reads bodies, `simple` answers GET and HEAD and leaves bodies unread, as `python3 -m http.server` does.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

log = open(sys.argv[1], "ab", buffering=0)


def note(**what):
    log.write(json.dumps(what).encode() + b"\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 4096
    timeout = 20

    def __getattr__(self, name):
        if name.startswith("do_") and sys.argv[2] == "python":
            return self.any
        raise AttributeError(name)

    def do_GET(self):
        if sys.argv[2] == "python":
            return self.any()
        self.answer(b"", True)

    do_HEAD = do_GET

    def any(self):
        body, whole = b"", False
        try:
            if self.headers.get("transfer-encoding"):
                body, whole = self.chunks()
            else:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                whole = len(body) == length
        except (OSError, ValueError):
            self.close_connection = True
        self.answer(body, whole)

    def answer(self, body, whole):
        one = {name: ", ".join(self.headers.get_all(name) or []) for name in ("x-forwarded-for", "x-callgate-client", "x-callgate-access", "x-callgate-user")}
        note(method=self.command, target=self.path, body=body.decode("latin-1"), whole=whole, **one)
        if not whole:
            self.close_connection = True
            return
        text = f"{one['x-forwarded-for']} {self.command} {self.path}\n".encode("latin-1")
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def chunks(self):
        body = b""
        while True:
            line = self.rfile.readline(65536)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while self.rfile.readline(65536) not in (b"\r\n", b"\n", b""):
                    pass
                return body, True
            piece = self.rfile.read(size)
            body += piece
            if len(piece) < size:
                return body, False
            self.rfile.readline(3)

    def send_error(self, code, message=None, explain=None):
        note(refused=code, line=self.requestline)
        super().send_error(code, message, explain)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
