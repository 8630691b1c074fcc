"""Whether Kubernetes and kagent would take the objects: by Kubernetes' schemas, and by kagent's own definitions."""

from pathlib import Path

import jsonschema
import kubernetes_validate
import release
import rules
import yaml
from report import Report

# The oldest that Chart.yaml names, one between, the newest that the schemas are there for.
KUBERNETES = ["1.27", "1.32", "1.37"]
# What is no part of Kubernetes: these are looked at by their definitions, or not at all.
FOREIGN = {
    "kagent.dev": "kagent's definitions, below",
    "monitoring.coreos.com": "no check: its definitions are in no package of PyPI",
    "gateway.networking.k8s.io": "no check: its definitions are in no package of PyPI",
}
DEFINITIONS = release.ROOT.parent / "shared/data/kagent-crds"
EXAMPLES = release.CHART / "examples"


def check(report: Report, rendered: dict[str, dict[str, str]]) -> None:
    sets = {name: release.manifests(texts) for name, texts in rendered.items()}
    sets |= {file.name: list(yaml.safe_load_all(file.read_text())) for file in sorted(EXAMPLES.glob("*.yaml"))}
    for version in KUBERNETES:
        wrong = [
            f"{name}: {one['kind']}: {error}"
            for name, objects in sets.items()
            for one in objects
            if not foreign(one) and (error := refused(one, version))
        ]
        count = sum(not foreign(one) for objects in sets.values() for one in objects)
        report.step(f"Kubernetes {version} takes every object", "; ".join(wrong) or None, f"{count} objects")
    seen = {(group, one["kind"]) for objects in sets.values() for one in objects if (group := foreign(one))}
    for group, kind in sorted(seen):
        report.note(f"{kind}: {FOREIGN[group]}")
    kagent(report, sets)


def foreign(one: dict) -> str | None:
    group = one["apiVersion"].split("/")[0]
    return group if group in FOREIGN else None


def refused(one: dict, version: str) -> str | None:
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return error.message
    return None


def kagent(report: Report, sets: dict[str, list[dict]]) -> None:
    """Every object of kagent by every release whose definitions are here and know its version."""
    objects = {
        f"{name}: {one['kind']}": one for name, made in sets.items() for one in made if foreign(one) == "kagent.dev"
    }
    if not DEFINITIONS.is_dir():
        report.unchecked(f"{len(objects)} objects of kagent, whose definitions are not at ../shared/data/kagent-crds")
        return
    report.equal(
        "there are objects of every kind",
        {one["kind"] for one in objects.values()},
        {"RemoteMCPServer", "Agent", "AgentTemplate"},
    )
    met = set()
    for folder in sorted(one for one in DEFINITIONS.iterdir() if one.is_dir()):
        schemas = definitions(folder)
        fitting = {name: one for name, one in objects.items() if (one["apiVersion"], one["kind"]) in schemas}
        wrong, asked, skipped = [], 0, set()
        for name, one in fitting.items():
            schema = schemas[one["apiVersion"], one["kind"]]
            errors = jsonschema.Draft202012Validator(closed(schema, top=True)).iter_errors(one)
            wrong += [f"{name}: {error.json_path}: {error.message}" for error in errors]
            verdict = rules.check(schema, one)
            wrong += [f"{name}: {broken}" for broken in verdict.broken]
            wrong += [f"{name}: a rule that cannot be read: {rule}" for rule in sorted(verdict.unread)]
            asked, skipped = asked + verdict.asked, skipped | verdict.skipped
        met |= set(fitting)
        detail = f"{len(fitting)} objects, {asked} rules"
        report.step(f"kagent {folder.name} takes its objects", "; ".join(wrong) or None, detail)
        for rule in sorted(skipped):
            report.note(f"a rule that is known not to be readable here: {rule}")
    report.equal("each of them met a definition", sorted(set(objects) - met), [])


def definitions(folder: Path) -> dict[tuple[str, str], dict]:
    """The schemas of a release by version and kind."""
    schemas = {}
    for file in sorted(folder.glob("*.yaml")):
        for definition in yaml.safe_load_all(file.read_text()):
            spec = definition["spec"]
            for version in spec["versions"]:
                if version["served"]:
                    key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                    schemas[key] = version["schema"]["openAPIV3Schema"]
    return schemas


def closed(schema: object, top: bool = False) -> object:
    """The schema with unknown fields refused, where Kubernetes would drop them without a word."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        open_ = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
        if schema.get("type") == "object" and not open_:
            made["additionalProperties"] = False
    if top:
        made["properties"]["metadata"] = {"type": "object"}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made["type"] = ["integer", "string"]
    return made
