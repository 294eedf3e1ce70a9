"""Server processes on free ports of 127.0.0.1: the site and what it is measured beside, with the same settings."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from commentsite.config import PREFIX, SETTINGS
from commentsite.server import WHOLE_ANSWER_BYTES

from .data import DataSet

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
WORKERS, THREADS = 2, 4
SERVE_THREADS = 8  # those of `commentsite serve`
START_SECONDS = 60
STOP_SECONDS = 2  # gunicorn waits 30 s for a worker that it told to end while that was starting
LOG_CHARS = 1000
# Settings of the one who measures; the last would have Python compile whatever is not installed at each start.
NOT_INHERITED = (PREFIX, "FLASK_", "PYTHONDONTWRITEBYTECODE")
CACHE_SETTING = "PAGE_CACHE_MB"
KINDS = ("gunicorn", "serve")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server started by `command`, in which {port} stands for a free one; its output goes to `folder`/log."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.log_file = folder / "log"
        self.command = " ".join(command)
        own = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        self.started = time.perf_counter()
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [part.format(port=self.port) for part in command],
                cwd=ROOT,
                env={**own, "HOME": str(folder), "FLASK_SKIP_DOTENV": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> Server:
        """Return when the server takes connections. Raises RuntimeError with its output where it does not."""
        give_up = time.monotonic() + START_SECONDS
        while True:
            with suppress(ConnectionRefusedError), closing(socket.create_connection(("127.0.0.1", self.port))):
                return self
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the server did not start:\n{self.output()}")
            time.sleep(0.002)

    def stop(self) -> None:
        """End the server and the workers it started."""
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            self.process.terminate()
            self.process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # the group that was begun with it
        self.process.wait()

    def output(self) -> str:
        """Return what the server has printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def memory_bytes(self) -> int:
        """Return the proportional set size of what answers: the workers, or a server without any."""
        return sum(_memory_bytes(each) for each in _children(self.process.pid) or [self.process.pid])


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _memory_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


class Servers:
    """Starts servers, and ends all of them when a table is done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Server] = []

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        for server in self._started:
            server.stop()
            if kind is not None:
                print(f"{server.command}:\n{server.output()[-LOG_CHARS:]}", file=sys.stderr)
        self._started.clear()

    def start(self, command: Sequence[str], **environment: str) -> Server:
        """Start a server without waiting for it."""
        folder = self.folder / f"server{len(list(self.folder.glob('server*')))}"
        self._started.append(Server(command, folder, environment))
        return self._started[-1]

    def site(self, kind: str, data: DataSet, *, is_cached: bool = True) -> Server:
        settings = {**data.settings, **({} if is_cached else uncached_settings())}
        environment = {f"{PREFIX}{name}": value for name, value in settings.items()}
        if kind == "gunicorn":
            return self.start(gunicorn(str(BIN / "gunicorn"), "wsgi"), **environment)
        return self.start([str(BIN / "commentsite"), "serve", "--port", "{port}"], **environment)

    def app(self, kind: str, name: str, **environment: str) -> Server:
        """Start the app of a module beside this one, by gunicorn or by waitress set as `commentsite serve` sets it."""
        if kind == "gunicorn":
            return self.start(gunicorn(str(BIN / "gunicorn"), f"benchmarks.{name}:app"), **environment)
        command = [str(BIN / "waitress-serve"), "--host", "127.0.0.1", "--port", "{port}"]
        settings = ["--threads", str(SERVE_THREADS), "--send-bytes", str(WHOLE_ANSWER_BYTES)]
        return self.start([*command, *settings, f"benchmarks.{name}:app"], **environment)


def gunicorn(program: str, app: str) -> list[str]:
    """Return the command that serves `app` by gunicorn."""
    command = [program, "-k", "gthread", "-w", str(WORKERS), "--threads", str(THREADS), "-b", "127.0.0.1:{port}", app]
    if not shutil.which(program):
        raise RuntimeError("gunicorn is not installed: pip install -e '.[bench]'")
    return command


def uncached_settings() -> dict[str, str]:
    """Return the settings without which the site keeps whole pages; none where it keeps no pages."""
    return {CACHE_SETTING: "0"} if CACHE_SETTING in SETTINGS else {}
