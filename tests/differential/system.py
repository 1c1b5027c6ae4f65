"""callgate with an upstream of each kind behind it, on free ports and in a folder of its own."""

import base64
import ctypes
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import reader
from grammar import UPSTREAMS

HERE = Path(__file__).parent
PATIENCE = 60
CLIENT, ACCESS = "crm", "pbx.use"


class System:
    def __init__(self, binary, node):
        self.folder = Path(tempfile.mkdtemp(prefix="differential-"))
        self.binary, self.node = str(Path(binary).resolve()), node
        self.children, self.at = [], {}
        self.edge, self.operations = free_port(), free_port()
        self.config, self.gateway, self.token = self.folder / "callgate.toml", None, None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        node = self.upstream("node", self.node, HERE / "upstream_node.mjs")
        python = [self.upstream(name, "python3", HERE / "upstream_python.py") for name in ("python", "simple")]
        self.config.write_text(self.toml({"nginx": self.nginx(), "node": node, "python": python[0], "simple": python[1]}))
        secret = self.seed()
        self.serve()
        self.token = self.fetch_token(secret)

    def nginx(self):
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        assert program, "nginx is missing: scripts/setup fuzz installs it"
        port = free_port()
        text = (HERE / "nginx.conf").read_text().replace("FOLDER", str(self.folder)).replace("PORT", str(port))
        config = self.folder / "nginx.conf"
        config.write_text(text)
        (self.folder / "nginx.heard").touch()
        self.run([program, "-p", str(self.folder), "-e", str(self.folder / "nginx.error"), "-c", str(config)])
        return port

    def upstream(self, name, program, script):
        log = self.folder / f"{name}.heard"
        log.touch()
        child = self.run([str(program), str(script), str(log), name], stdout=subprocess.PIPE)
        return int(child.stdout.readline())

    def run(self, command, **more):
        with open(self.folder / "stderr", "ab") as stderr:
            more = {"stdout": stderr, "preexec_fn": end_with_parent, **more}
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr, cwd=self.folder, **more)
        self.children.append(child)
        return child

    def toml(self, ports):
        text = f"""
            [server]
            listen = "127.0.0.1:{self.edge}"
            public_origin = "https://calls.example"
            threads = 2
            keepalive = "1s"
            client_timeout = "400ms"
            grace = "1s"
            upgrade_socket = "{self.folder}/upgrade.sock"
            [operations]
            listen = "127.0.0.1:{self.operations}"
            token = "operator-token-of-the-differential"
            [tokens]
            key = "0123456789abcdef0123456789abcdef"
            [store]
            url = "sqlite:{self.folder}/callgate.db"
            [log]
            filter = "warn"
            access_file = "{self.folder}/access.log"
            [oauth]
            access_lifetime = "24h"
            """
        for name, prefix in UPSTREAMS.items():
            text += f"""
            [[upstream]]
            name = "{name}"
            peers = ["127.0.0.1:{ports[name]}"]
            [[route]]
            name = "{name}"
            prefix = "{prefix}"
            access = "{ACCESS}"
            upstream = "{name}"
            timeout = "5s"
            body_limit = 500000
            """
        return text

    def seed(self):
        """The secret of a client that may use the upstreams."""
        self.callgate("migrate")
        self.callgate("tenant", "create", "acme", "--region", "IT")
        self.callgate("policy", "set", "pbx", "--description", "Use the PBX.", "--access", ACCESS)
        said = self.callgate("--json", "client", "create", "acme", "CRM", "--id", CLIENT, "--grant-type", "client_credentials", "--policy", "pbx")
        return json.loads(said)["client_secret"]

    def callgate(self, *arguments):
        command = [self.binary, "--config", str(self.config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, f"{arguments}: {done.stdout} {done.stderr}"
        return done.stdout

    def serve(self):
        self.gateway = self.run([self.binary, "--config", str(self.config), "serve"])
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.edge), 1).close()
                return
            except OSError:
                assert self.gateway.poll() is None and time.monotonic() < until, self.said()
                time.sleep(0.05)

    def fetch_token(self, secret):
        basic = base64.b64encode(f"{CLIENT}:{secret}".encode()).decode()
        form = "grant_type=client_credentials&scope=pbx"
        request = f"POST /oauth/token HTTP/1.1\r\nHost: gate\r\nAuthorization: Basic {basic}\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: {len(form)}\r\n\r\n{form}"
        with socket.create_connection(("127.0.0.1", self.edge)) as wire:
            wire.sendall(request.encode())
            data = b"".join(iter(lambda: wire.recv(65536), b""))
        return json.loads(reader.answers(data, ["POST"])[0].body)["access_token"]

    def new(self, name):
        """The lines of a log since the last look."""
        path = self.folder / name
        if not path.exists():
            return []
        with open(path, "rb") as log:
            log.seek(self.at.get(name, 0))
            data = log.read()
        data = data[: data.rfind(b"\n") + 1]
        self.at[name] = self.at.get(name, 0) + len(data)
        # nginx writes the bytes of a body as they are.
        encoding = "latin-1" if name == "nginx.heard" else "utf-8"
        return [json.loads(line.decode(encoding), strict=False) for line in data.split(b"\n") if line]

    def heard(self):
        """What the upstreams have heard since the last look."""
        for name in UPSTREAMS:
            for line in self.new(f"{name}.heard"):
                line["upstream"] = name
                if name == "nginx":
                    line["whole"] = line["status"] == 200
                    if line["status"] == 400 and not line["x-forwarded-for"]:
                        line["refused"] = 400
                yield line

    def logged(self):
        return self.new("access.log")

    def log_size(self):
        return sum(self.at.values())

    def shrink_logs(self):
        """Begins the logs anew, which are all opened for appending."""
        for name in list(self.at):
            with open(self.folder / name, "r+b") as log:
                log.truncate(0)
            self.at[name] = 0

    def said(self):
        return (self.folder / "stderr").read_text(errors="replace")[-4000:]

    def is_well(self):
        return all(child.poll() is None for child in self.children)

    def cpu(self):
        """Seconds of processor time of the gateway and of the upstreams."""
        return [sum(int(part) for part in Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]) / 100 for child in [self.gateway, *self.children]]

    def stop(self):
        for child in reversed(self.children):
            child.kill()
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def end_with_parent():
    """However this program ends, what it started does too."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
