"""Server processes: started on a free port of 127.0.0.1, waited for, asked to stop."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from tests.docs import reading

from .clients import ask

BIN = Path(sys.executable).parent
START_SECONDS = 30
STOP_SECONDS = 20
DEPLOYMENT = "docs/deployment.md"
# The headings of the document whose last command starts each server.
HEADINGS = {"gunicorn": "gunicorn", "uwsgi": "uWSGI", "waitress": "waitress", "serve": "commentsite serve"}


def documented(server: str) -> str:
    """Return the command that docs/deployment.md gives for `server`, for this checkout instead of /srv/commentsite."""
    command = reading.command(DEPLOYMENT, HEADINGS[server])
    return command.replace("/srv/commentsite/.venv/bin", str(BIN)).replace("/srv/commentsite", str(reading.ROOT))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment with no settings of this machine: our programs first, `home` for what they write."""
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "PYTHONUNBUFFERED": "1", **more}


class Server:
    """A server started by `command`, in which 8000 stands for a free port; its output goes to `folder`/log."""

    def __init__(self, command: str, folder: Path, settings: Mapping[str, str], cwd: Path = reading.ROOT) -> None:
        self.port = free_port()
        self.log_file = folder / "log"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                shlex.split(re.sub(r"\b8000\b", str(self.port), command)),
                cwd=cwd,
                env=clean_environment(folder, **settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """What the server has printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Server:
        """Wait until the server answers. Raises RuntimeError with its output where it does not."""
        give_up = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self._kill()
                raise RuntimeError(f"the server did not start:\n{self.log}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self._kill()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and return the exit status. Raises TimeoutExpired where the server does not end."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def _answers(self) -> bool:
        try:
            return ask(self.port, "GET", "/healthz").status == 200
        except OSError:
            return False

    def _kill(self) -> None:
        """End what is left of the server, its workers too."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def listening_socket() -> Iterator[int]:
    """Occupy a port of 127.0.0.1 and give its number."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])
