"""What people who look at many charts look for: checkov over the rendered objects, yamllint over every file."""

import json
import subprocess
import sys
from pathlib import Path

import release
import yaml
from report import Report

# What of checkov's list does not fit, and why.
SKIPPED = {
    "CKV_K8S_21": "the namespace is the installer's choice",
    "CKV_K8S_43": "a digest is for whoever publishes the image (image.digest)",
    "CKV_K8S_15": "tags of releases do not move",
    "CKV2_K8S_6": "who calls is the installer's knowledge (networkPolicy.enabled)",
}
# What does not fit a pod that runs once.
OF_TESTS = {"CKV_K8S_8": "no liveness", "CKV_K8S_9": "no readiness"}
RULES = release.ROOT / ".ci/yamllint.yaml"
# What Helm leaves behind where a template wrote nothing, and file modes in octal digits.
OF_RENDERED = {
    "indentation": "disable",
    "trailing-spaces": "disable",
    "empty-lines": {"max": 3, "max-end": 1},
    "octal-values": "disable",
}


def check(report: Report, rendered: dict[str, dict[str, str]], checkov: Path, work: Path) -> None:
    written = work / "rendered"
    for name, texts in rendered.items():
        (written / name).mkdir(parents=True)
        for path, text in texts.items():
            if path.endswith(".yaml"):
                (written / name / path.replace("/", "-")).write_text(text.lstrip("\n").rstrip() + "\n")
    sources = [release.CHART / name for name in ("Chart.yaml", "values.yaml", "policies", "ci", "examples", "alerts")]
    sources.append(release.ROOT / "tests/cases/chart/refused.yaml")
    report.step("yamllint: what is written", yamllint({}, *sources))
    report.step("yamllint: what is rendered", yamllint(OF_RENDERED, written))
    checked(report, checkov, written)


def yamllint(more: dict, *places: Path) -> str | None:
    rules = yaml.safe_load(RULES.read_text())
    rules["rules"] |= more
    command = [sys.executable, "-m", "yamllint", "--strict", "--format", "parsable"]
    command += ["--config-data", json.dumps(rules), *places]
    done = subprocess.run(command, capture_output=True, text=True)
    return f"{done.stdout}{done.stderr}" if done.returncode else None


def checked(report: Report, checkov: Path, written: Path) -> None:
    command = [checkov, "--framework", "kubernetes", "--directory", written, "--output", "json", "--quiet", "--compact"]
    command += ["--skip-download", "--skip-check", ",".join(SKIPPED)]
    done = subprocess.run(command, capture_output=True, text=True)
    told = json.loads(done.stdout)
    wrong = sorted(
        f"{one['check_id']} {one['check_name']}: {one['resource']} ({one['file_path'].lstrip('/')})"
        for one in told["results"]["failed_checks"]
        if not (one["check_id"] in OF_TESTS and one["file_path"].endswith("/tests-health.yaml"))
    )
    passed = told["summary"]["passed"]
    detail = f"{passed} checks, {len(SKIPPED)} skipped with a reason"
    report.step("checkov", "\n".join(wrong) or (None if passed else "nothing was checked"), detail)
