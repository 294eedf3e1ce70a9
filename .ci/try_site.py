"""Start a site by a command line, use it as a person would, stop it, start it again; fail unless all is well.

    python try_site.py PORT 'COMMAND LINE THAT SERVES'

The command line is run by bash, as typed. It must end with exit code 0 by Ctrl+C and by SIGTERM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

START_SECONDS = 600
STOP_SECONDS = 30


def start(command: str, url: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["bash", "-c", command], start_new_session=True)
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        if process.poll() is not None:
            sys.exit(f"the command ended with {process.returncode}: {command}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.3)
        else:
            return process
    os.killpg(process.pid, signal.SIGKILL)
    sys.exit(f"no page at {url} after {START_SECONDS} s")


def servers(group: int) -> list[int]:
    """Return the processes of the group other than the shell, which bash may have become itself by the last command."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = stat.read_text().rsplit(")", 1)
        except OSError:
            continue
        if int(fields.split()[2]) == group and not name.endswith("(bash"):
            found.append(int(stat.parent.name))
    return found


def stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send Ctrl+C to all, as a terminal does, or SIGTERM to the server alone, and want exit code 0."""
    if number is signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        for pid in servers(process.pid):
            os.kill(pid, number)
    code = process.wait(STOP_SECONDS)
    if code != 0:
        sys.exit(f"{number.name} ended the command with {code}, not 0")


def post(url: str, text: str) -> None:
    data = urllib.parse.urlencode({"content": text}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
        if "#comment-" not in answer.url:
            sys.exit(f"the post led to {answer.url}")


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def main() -> None:
    port, command = sys.argv[1], sys.argv[2]
    url = f"http://127.0.0.1:{port}/"
    text = f"Kept through a restart, {os.getpid()} 🎈"

    process = start(command, url)
    post(url, text)
    stop(process, signal.SIGINT)

    process = start(command, url)
    page = read(url)
    stop(process, signal.SIGTERM)
    if page.count(text) != 1 or "<time datetime=" not in page:
        sys.exit("the comment is not on the page after a restart")
    sys.stdout.write(f"ok: posted, stopped, started, read back: {command}\n")


main()
