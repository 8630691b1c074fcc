"""A client program under test: orders in, answers out, each within a time."""

import atexit
import json
import os
import queue
import subprocess
import threading
from pathlib import Path

ANSWERS_WITHIN = 30.0
ENDS_WITHIN = 15.0


class Client:
    """A running adapter with one open session."""

    def __init__(self, name: str, command: list[str], target: list[str], work: Path, **settings: str) -> None:
        self.name = name
        self._errors = work / f"{name.replace(' ', '-')}-{'-'.join(target)[:5].strip(':/')}.log"
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, *target],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **settings},
            )
        atexit.register(self._process.kill)  # only if something goes wrong here: what has ended is left alone
        self._answers: queue.Queue[dict] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            try:
                self._answers.put(json.loads(line))
            except ValueError:
                self._answers.put({"failure": f"prints {line!r}"})
        self._answers.put({"failure": f"ended; its log: {self._tail()}"})

    def _tail(self) -> str:
        return " | ".join(self._errors.read_text(errors="replace").splitlines()[-3:])

    def answer(self) -> dict:
        """Waits for the next answer; the first one says that the session is open."""
        try:
            return self._answers.get(timeout=ANSWERS_WITHIN)
        except queue.Empty:
            return {"failure": f"no answer in {ANSWERS_WITHIN:.0f} s; its log: {self._tail()}"}

    def ask(self, **order: object) -> dict:
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it ended, and the reader says how
        return self.answer()

    def close(self) -> str | None:
        """Lets it close its session and end; returns what is wrong with the way it ended."""
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            status = self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"runs on {ENDS_WITHIN:.0f} s after its input ended; its log: {self._tail()}"
        if status == 0:
            return None
        said = self._answers.get_nowait() if not self._answers.empty() else {}
        return f"ends with {status}: {said.get('failure', self._tail())}"
