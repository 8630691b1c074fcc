"""Says what the conformance suite found, one line for each scenario, and fails if one that counts fails.

    conformance_report.py REVISION REQUIREMENTS RESULTS [--without-fixtures] [SCENARIO...]

RESULTS is the folder that the suite wrote, with what it printed in `log`. Without scenarios, those count that
REQUIREMENTS scores, and each of them must have run; the others are shown. A warning never fails: the suite uses it for
what the specification says should be.
"""

import json
import re
import sys
from pathlib import Path

FOLDER = re.compile(r"server-(?P<scenario>.+?)-\d{4}-\d{2}-\d{2}T.*")


def scored(requirements: Path) -> list[str]:
    """Returns the scenarios that the requirements list for servers; the file is too plain to need a YAML reader."""
    section = requirements.read_text().split("\nserver:\n")[1].split("\n\n")[0]
    return re.findall(r"^  - (\S+)$", section, re.MULTILINE)


def read_results(folder: Path) -> dict[str, list[dict]]:
    """Returns the checks of each scenario that ran."""
    results = {}
    for path in sorted(folder.glob("*/checks.json")):
        if name := FOLDER.fullmatch(path.parent.name):
            results[name["scenario"]] = json.loads(path.read_text())
    return results


def show(word: str, revision: str, scenario: str, checks: list[dict]) -> None:
    """Prints the scenario, and below it each check that did not simply succeed."""
    print(f"{word:<5} {revision} {scenario} ({sum(c['status'] == 'SUCCESS' for c in checks)} checks hold)")
    for check in checks:
        if check["status"] in ("FAILURE", "WARNING"):
            kind = "untestable" if is_untestable(check) else check["status"].lower()
            message = (check.get("errorMessage") or check["description"]).strip()
            print(f"        {kind} {check['id']}: {message[:600]}")


def is_untestable(check: dict) -> bool:
    return bool((check.get("details") or {}).get("untestable"))


def fails(checks: list[dict], without_fixtures: bool) -> bool:
    return any(c["status"] == "FAILURE" and not (without_fixtures and is_untestable(c)) for c in checks)


def main() -> int:
    revision, requirements, folder, *rest = [argument for argument in sys.argv[1:] if argument]
    without_fixtures = "--without-fixtures" in rest
    asked = [name for name in rest if not name.startswith("--")]
    counting = asked or scored(Path(requirements))
    results = read_results(Path(folder))
    log = Path(folder, "log").read_text()
    failed = []
    for scenario in counting:
        checks = results.get(scenario)
        if not checks and f"SKIPPED: scenario '{scenario}'" in log:
            print(f"skip  {revision} {scenario}: not part of this revision")
        elif not checks:
            print(f"FAIL  {revision} {scenario}: did not run")
            failed.append(scenario)
        elif fails(checks, without_fixtures):
            show("FAIL", revision, scenario, checks)
            failed.append(scenario)
        else:
            show("ok", revision, scenario, checks)
    for scenario in sorted(results.keys() - set(counting)):
        verdict = "fails" if fails(results[scenario], False) else "passes"
        print(f"      {revision} {scenario}: {verdict}, and does not count")
    print(f"{revision}: {len(counting) - len(failed)} of {len(counting)} scenarios pass")
    if failed:
        print(f"failed: {' '.join(failed)}")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
