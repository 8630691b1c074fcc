"""A gateway that is started, stopped and started again over the same port and data directory."""

import atexit
import os
import re
import signal
import subprocess
import time
from pathlib import Path

STARTS_WITHIN = 20.0
STOPS_WITHIN = 10.0
URL = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Gateway:
    """One data directory, and the process that serves it."""

    def __init__(self, binary: str, work: Path, **settings: str) -> None:
        self._binary = binary
        self._work = work
        self._environment = {**os.environ, **settings}
        self._port = "0"
        self._process: subprocess.Popen | None = None
        self.log = work / "log"
        work.mkdir()

    def start(self) -> None:
        """Serves; the first time on any port, then on the same one."""
        command = [self._binary, "serve", "--port", self._port, "--data-dir", str(self._work / "data")]
        written = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        atexit.register(self._process.kill)  # only if something goes wrong here: what has ended is left alone
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            if address := URL.search(self.log.read_bytes()[written:].decode(errors="replace")):
                self._port = address[1]
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"the gateway does not say where it listens\n{self.tail()}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/mcp"

    def stop(self) -> str | None:
        """Stops as an orchestrator does; returns what is wrong with the way it ended."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"runs on {STOPS_WITHIN:.0f} s after SIGTERM"
        if b"panicked" in self.log.read_bytes():
            return "something panicked"
        return None if status == 0 else f"ends with {status}"

    def tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
