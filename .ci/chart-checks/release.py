"""The chart as Helm renders it, through PyPI's helm-python-sdk."""

import re
from pathlib import Path

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/policyguard"
VALUES = CHART / "ci"
NAME, NAMESPACE = "policyguard", "default"


def read(file: Path) -> dict:
    """A values file as Helm reads it."""
    return helm_python.values_from_yaml(file.read_text())


def texts(values: dict | None = None, chart: Path = CHART, name: str = NAME, namespace: str = NAMESPACE) -> dict:
    """The rendered templates by their file names."""
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        return shortened(loaded.render(values, name=name, namespace=namespace))


def shortened(rendered: dict[str, str]) -> dict[str, str]:
    """The templates by their file names, in order, those that render nothing left out."""
    short = {path.split("/templates/", 1)[-1]: text for path, text in rendered.items()}
    return {path: text for path, text in sorted(short.items()) if text.strip() and not path.startswith("_")}


def manifests(rendered: dict[str, str]) -> list[dict]:
    """The objects in rendered templates, without the notes."""
    objects = []
    for path, text in rendered.items():
        if path.endswith(".yaml"):
            objects += [one for one in yaml.safe_load_all(text) if one]
    return objects


def refusal(values: dict, chart: Path = CHART, name: str = NAME) -> str | None:
    """What Helm says against values; None when it takes them."""
    try:
        texts(values, chart, name)
    except helm_python.HelmError as error:
        return re.sub(r"\s*\n\s*", "\n", str(error)).strip()
    return None
