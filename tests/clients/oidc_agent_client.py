"""Debian's oidc-agent, as packaged, against callgate: a command line that gets its tokens as a device (RFC 8628) and renews them.

The settings come from the environment (harness.settings).
"""

import os
import pty
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import requests

import browser
import harness
from harness import check, check_status, step


def main():
    settings = harness.settings()
    with tempfile.TemporaryDirectory() as home:
        agent = Agent(home)
        try:
            agent.register(settings)
            first = agent.token()
            check_status(calls(settings, first), 204, "list with the agent's token")
            step("device authorized, token used")
            # Longer than any token lives: the agent must renew it.
            second = agent.token("--time=1000000")
            check(second != first, "the agent did not renew its token")
            check_status(calls(settings, second), 204, "list with the renewed token")
            step("token renewed")
        finally:
            agent.stop()


def calls(settings, token):
    return requests.get(f"{settings.origin}/rest/call", headers={"Authorization": f"Bearer {token}"}, timeout=20)


def lines(terminal):
    """What comes from a terminal until its other side is closed."""
    with os.fdopen(terminal, encoding="utf-8", errors="replace") as stream:
        try:
            yield from stream
        except OSError:
            return


class Agent:
    """The daemon, with a home of its own."""

    def __init__(self, home):
        self.password = Path(home, "password")
        self.password.write_text("of the account's file\n")
        Path(home, ".oidc-agent").mkdir()
        self.environment = {**os.environ, "HOME": home, "TMPDIR": home}
        said = self.run("oidc-agent")
        self.pid = int(re.search(r"OIDCD_PID=(\d+)", said).group(1))
        self.environment["OIDC_SOCK"] = re.search(r"OIDC_SOCK=([^;]+)", said).group(1)

    def register(self, settings):
        """Sets the account up by the device flow, which a person allows meanwhile."""
        command = [
            "oidc-gen",
            f"--issuer={settings.origin}",
            f"--client-id={settings.client_id}",
            f"--client-secret={settings.client_secret}",
            "--flow=device",
            f"--scope={settings.scope}",
            f"--cert-path={settings.ca}",
            f"--pw-file={self.password}",
            "--no-url-call",
            "--prompt=none",
            "gate",
        ]
        # To a pipe it would say nothing before its end.
        ours, its = pty.openpty()
        with subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=its, stderr=its) as process:
            os.close(its)
            said = ""
            for line in lines(ours):
                said += line
                code = re.search(r"enter the code: (\S+)", line)
                if code:
                    browser.allow_device(settings, code.group(1))
                    step("device allowed")
            check(process.wait() == 0, f"oidc-gen failed: {said}")

    def token(self, *options):
        return self.run("oidc-token", *options, "gate").strip()

    def run(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        check(done.returncode == 0, f"{command[0]} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)


if __name__ == "__main__":
    main()
