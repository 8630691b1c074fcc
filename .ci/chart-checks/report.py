"""One line for each step, and how it ended."""

import time


class Report:
    def __init__(self) -> None:
        self._failed: list[str] = []
        self._unchecked: list[str] = []
        self._steps = 0
        self._began = time.monotonic()

    def step(self, about: str, wrong: str | None, detail: str = "") -> bool:
        """Reports a step; `wrong` says what was expected and what came."""
        self._steps += 1
        if wrong:
            self._failed.append(about)
        said = wrong or detail
        print(f"{'FAIL' if wrong else 'ok':<5} {about}{f': {said}' if said else ''}", flush=True)
        return not wrong

    def equal(self, about: str, came: object, expected: object, detail: str = "") -> bool:
        return self.step(about, None if came == expected else f"expected {expected!r}, came {came!r}", detail)

    def note(self, text: str) -> None:
        """Something that no machine checks here."""
        print(f"--    {text}", flush=True)

    def unchecked(self, text: str) -> None:
        """Something that another machine would have checked; the last line counts it."""
        if text not in self._unchecked:
            self._unchecked.append(text)
        print(f"NOT CHECKED: {text}", flush=True)

    @property
    def passed(self) -> bool:
        return not self._failed

    def end(self) -> int:
        took = time.monotonic() - self._began
        for failed in self._failed:
            print(f"failed: {failed}")
        missing = f"; NOT CHECKED: {len(self._unchecked)} ({'; '.join(self._unchecked)})" if self._unchecked else ""
        print(f"{self._steps - len(self._failed)} of {self._steps} steps are ok, in {took:.0f} s{missing}")
        return 1 if self._failed else 0
