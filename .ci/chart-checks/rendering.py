"""What Helm makes of the chart: lint, snapshots of a matrix of values, refusals, keys, what an upgrade keeps."""

import base64
import difflib
import json
import os
import re
import shutil
import subprocess
import zlib
from collections import ChainMap
from pathlib import Path

import helm_python
import release
import yaml
from cluster import Cluster
from report import Report

SNAPSHOTS = release.ROOT / "tests/cases/chart"
REFUSALS = SNAPSHOTS / "refused.yaml"
KEY = re.compile(r"pg_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}")
NAMED = re.compile(r"\.(labels|matchLabels|annotations|spec\.selector)\.[^[\]]+$|\.\w*([nN]ame|namespace)$")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DRAWN = 40
# What the chart sets by values of its own, or by what a pod is: no setting for config.settings.
OWN = {
    *(
        "server.host",
        "server.port",
        "server.allowed_hosts",
        "server.allowed_origins",
        "admin.addr",
        "tls.cert",
        "tls.key",
    ),
    *("transport", "auth", "insecure", "mcp.role", "data_dir", "policies", "log.level", "log.format"),
    *("credentials.bootstrap_key_file", "credentials.catalog_key_file"),
}
KAGENT = [f"kagent.dev/{version}" for version in ("v1alpha2", "v1alpha3")]


def matrix() -> dict[str, dict]:
    """The values files by their names."""
    return {
        file.name.removesuffix("-values.yaml"): release.read(file) for file in sorted(release.VALUES.glob("*.yaml"))
    }


def check(report: Report, binary: Path, work: Path) -> dict[str, dict[str, str]]:
    """Every check of what is rendered; returns the rendered templates by the names of their values."""
    rendered = {}
    for name, values in matrix().items():
        try:
            rendered[name] = release.texts(values)
        except helm_python.HelmError as error:
            report.step(f"{name}: renders", str(error))
            continue
        report.step(f"{name}: lint", lint(values))
        report.step(f"{name}: snapshot", drift(name, rendered[name]))
    report.step("at least ten sets of values", None if len(rendered) >= 10 else str(len(rendered)), str(len(rendered)))
    versions(report, binary)
    refusals(report)
    names(report)
    keys(report, binary)
    policies(report, rendered, binary, work)
    settings(report, binary)
    rendered["postgres"] = stores(report, binary, work)
    rollouts(report)
    in_a_cluster(report)
    packaged(report, work)
    return rendered


def lint(values: dict) -> str | None:
    found = helm_python.chart.lint(release.CHART, values, strict=True)
    loud = [f"{one['path']}: {one['error']}" for one in found["messages"] if one["severity"] > 1]
    return "; ".join([*loud, *found["errors"]]) or None


def shown(rendered: dict[str, str]) -> str:
    """The rendered text with chance taken out, and files of the chart by their names."""
    text = "".join(f"# {path}\n{body.strip()}\n\n" for path, body in rendered.items())
    text = re.sub(r"(bootstrap-key|catalog-key|catalog-authorization): [A-Za-z0-9+/=]{40,}", r"\1: <by chance>", text)
    text = re.sub(r"(checksum/\w+): [0-9a-f]{64}", r"\1: <sha256>", text)
    for file in ["policies/base.yaml", "dashboards/policyguard.json", "alerts/policyguard.yaml"]:
        path = release.CHART / file
        if path.exists():
            lines = [re.escape(line.strip()) for line in path.read_text().strip().splitlines()]
            text = re.sub(r"[ \n]*".join(lines), f"<{file}>", text)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def drift(name: str, rendered: dict[str, str]) -> str | None:
    """How the snapshot differs; CHART_UPDATE=1 writes it anew."""
    file = SNAPSHOTS / f"{name}.yaml"
    text = shown(rendered)
    if os.environ.get("CHART_UPDATE") == "1":
        file.write_text(text)
    before = file.read_text() if file.exists() else ""
    changed = difflib.unified_diff(before.splitlines(), text.splitlines(), str(file.name), "now", lineterm="", n=1)
    told = "\n".join(list(changed)[:40])
    return f"differs; look at it, then CHART_UPDATE=1 writes it\n{told}" if told else None


def versions(report: Report, binary: Path) -> None:
    """The chart is for the gateway that it is beside, and so is what its examples name."""
    told = subprocess.run([binary, "version"], check=True, capture_output=True, text=True).stdout.split()[1]
    described = yaml.safe_load((release.CHART / "Chart.yaml").read_text())
    examples = "".join(file.read_text() for file in (release.CHART / "examples").glob("*.yaml"))
    images = set(re.findall(r"image: \S+/policyguard:(\S+)", examples))
    report.equal("the chart is for this gateway", ({described["appVersion"]} | images), {told}, told)


def refusals(report: Report) -> None:
    for case in yaml.safe_load(REFUSALS.read_text()):
        said = release.refusal(case["values"], name=case.get("release", release.NAME))
        missing = [part for part in case["says"] if part not in (said or "")]
        wrong = f"expected {missing}, came {said or 'no refusal'}" if said is None or missing else None
        report.step(f"refused: {case['name']}", wrong)


def names(report: Report) -> None:
    """Names that YAML would read as numbers and truths stay texts, in labels, selectors and references."""
    files = [release.VALUES / f"{one}-values.yaml" for one in ("placed", "network-policy", "ingress")]
    everything = [release.read(file) for file in files]
    for name, values in [("123", {"fullnameOverride": "gate"}), ("true", {"nameOverride": "true"})]:
        made = release.manifests(release.texts(dict(ChainMap(values, *everything)), name=name, namespace="123"))
        wrong = sorted({f"{one['kind']}{place}: {value!r}" for one in made for place, value in untrue(one)})
        report.step(f"a release named `{name}`, in namespace `123`", "; ".join(wrong) or None, f"{len(made)} objects")


def untrue(value: object, place: str = "") -> list[tuple[str, object]]:
    """The names, labels and selectors in an object that are no text."""
    if isinstance(value, list):
        return [found for one in value for found in untrue(one, f"{place}[]")]
    if not isinstance(value, dict):
        texts = NAMED.search(place) is not None and not isinstance(value, str)
        return [(place, value)] if texts else []
    return [found for key, one in value.items() for found in untrue(one, f"{place}.{key}")]


def checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return digits


def keys(report: Report, binary: Path) -> None:
    """Keys of the form that the gateway reads, each drawn anew."""
    drawn = [key for _ in range(DRAWN) for key in keys_of(release.manifests(release.texts())).values()]
    bad = [key for key in drawn if not KEY.fullmatch(key) or checksum(key[:-6]) != key[-6:]]
    report.step("keys have their form and checksum", f"{bad[:2]}" if bad else None, f"{len(drawn)} drawn")
    report.equal("no key is drawn twice", len(set(drawn)), len(drawn))
    own = subprocess.run([binary, "keys", "new"], check=True, capture_output=True, text=True).stdout.strip()
    report.equal(
        "a key of the gateway has that form, too", (bool(KEY.fullmatch(own)), own[-6:]), (True, checksum(own[:-6]))
    )


def keys_of(manifests: list[dict]) -> dict[str, str]:
    data = next(one for one in manifests if one["kind"] == "Secret")["data"]
    plain = {name: base64.b64decode(text).decode() for name, text in data.items()}
    if plain.pop("catalog-authorization", None) not in (None, f"Bearer {plain.get('catalog-key')}"):
        raise AssertionError("catalog-authorization is not the header of catalog-key")
    return plain


def written(manifests: list[dict], name: str, folder: Path) -> Path:
    """The files of a ConfigMap, as the gateway finds them."""
    data = next(one for one in manifests if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name)["data"]
    folder.mkdir(parents=True)
    for file, text in data.items():
        (folder / file).write_text(text)
    return folder


def policies(report: Report, rendered: dict, binary: Path, work: Path) -> None:
    """The chart's policies are those of the project, and every policy of the matrix can be read."""
    shipped = release.ROOT / "policies/default.yaml"
    default = written(release.manifests(rendered["default"]), "policyguard-policies", work / "default")
    parts = [yaml.safe_load((default / file).read_text()) for file in ("base.yaml", "default-security.yaml")]
    report.equal(
        "the policies are those that run without configuration", flat(*parts), flat(yaml.safe_load(shipped.read_text()))
    )
    suite = shipped.with_name("default.test.yaml")
    passed = subprocess.run([binary, "--policies", default, "policy", "test", suite], capture_output=True, text=True)
    report.step(
        "their suite passes", f"{passed.stdout}{passed.stderr}" if passed.returncode else None, last(passed.stdout)
    )
    for name in [
        name for name, texts in rendered.items() if 'name: "policyguard-policies"' in texts.get("configmap.yaml", "")
    ]:
        folder = written(release.manifests(rendered[name]), "policyguard-policies", work / f"policies-{name}")
        checked = subprocess.run([binary, "policy", "check", folder], capture_output=True, text=True)
        report.step(f"{name}: policies are read", checked.stderr if checked.returncode else None, last(checked.stdout))


def flat(*bundles: dict) -> dict:
    """A bundle as what it decides by: rules with the priorities of their policies, in no order, and all else."""
    rules = [
        json.dumps([policy["priority"], rule], sort_keys=True)
        for bundle in bundles
        for policy in bundle["policies"]
        for rule in policy["rules"]
    ]
    rest = {key: value for bundle in bundles for key, value in bundle.items() if key != "policies"}
    return rest | {"rules": sorted(rules)}


def last(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def known(binary: Path) -> set[str]:
    """The settings of the gateway."""
    shown = subprocess.run([binary, "config", "show", "-o", "json"], check=True, capture_output=True, text=True).stdout
    return set(json.loads(shown))


def settings(report: Report, binary: Path) -> None:
    """The schema knows every setting that the chart does not set by itself, and no other."""
    schema = json.loads((release.CHART / "values.schema.json").read_text())
    sections = schema["properties"]["config"]["properties"]["settings"]["properties"]
    listed = {f"{name}.{key}" for name, section in sections.items() for key in section["properties"]}
    there = known(binary)
    report.equal("config.settings lists the settings", sorted(listed), sorted(there - OWN), f"{len(listed)}")
    report.equal("the settings that the chart sets itself are there", sorted(OWN - there), [])


def stores(report: Report, binary: Path, work: Path) -> dict[str, str]:
    """PostgreSQL is refused as long as the gateway cannot do it; several replicas and the autoscaler wait for it."""
    described = yaml.safe_load((release.CHART / "Chart.yaml").read_text())["annotations"]["policyguard.dev/stores"]
    report.equal(
        "the stores are those of the gateway", "postgres" in described, "storage.url" in known(binary), described
    )
    later = work / "later/policyguard"
    shutil.copytree(release.CHART, later)
    (later / "Chart.yaml").write_text(
        (later / "Chart.yaml").read_text().replace(f"stores: {described}", "stores: sqlite,postgres")
    )
    many = {"storage": {"url": "postgres://store/policyguard"}, "replicas": 3, "autoscaling": {"enabled": True}}
    report.equal("with PostgreSQL replicas are not refused", release.refusal(many, later), None)
    rendered = release.texts(many, later)
    made = [one["kind"] for one in release.manifests(rendered)]
    expected = {
        "Deployment": True,
        "HorizontalPodAutoscaler": True,
        "StatefulSet": False,
        "PersistentVolumeClaim": False,
    }
    report.equal("they are a Deployment that scales", {kind: kind in made for kind in expected}, expected)
    return rendered


def annotations(values: dict) -> dict[str, str]:
    """Those of the pod: it starts anew when one of them changes."""
    objects = release.manifests(release.texts(values))
    return next(one for one in objects if one["kind"] == "StatefulSet")["spec"]["template"]["metadata"]["annotations"]


def rollouts(report: Report) -> None:
    """The pod starts anew when policies or settings change, and for nothing else."""
    policy = {"config": {"defaultPolicy": {"priority": 101}}}
    setting = {"config": {"settings": {"limits": {"burst": 10}}}}
    running = {"config": {"restartOnPolicyChange": False}}
    report.equal("nothing changed: the pod stays", annotations({}), annotations({"persistence": {"size": "6Gi"}}))
    changed = [key for key, value in annotations({}).items() if annotations(policy)[key] != value]
    report.equal("other policies: the pod starts anew", changed, ["checksum/policies"])
    changed = [key for key, value in annotations({}).items() if annotations(setting)[key] != value]
    report.equal("other settings: the pod starts anew", changed, ["checksum/settings"])
    report.equal("unless policies are taken over", annotations(merge(running, policy)), annotations(running))


def merge(one: dict, other: dict) -> dict:
    return {"config": one["config"] | other["config"]}


def in_a_cluster(report: Report) -> None:
    """What depends on the cluster: keys stay, and kagent's version is the one it serves."""
    cluster = Cluster()
    first = cluster.upgrade()
    secret = next(one for one in first if one["kind"] == "Secret")
    cluster.keep(secret)
    report.equal("an upgrade keeps the keys", keys_of(cluster.upgrade()), keys_of(first))
    secret["data"] = {"bootstrap-key": secret["data"]["bootstrap-key"]}
    after = keys_of(cluster.upgrade())
    report.step("an upgrade adds a key that is missing", None if KEY.fullmatch(after["catalog-key"]) else str(after))
    cluster.close()
    for served, expected in [([], None), (KAGENT[:1], KAGENT[0]), (KAGENT[1:], KAGENT[1]), (KAGENT, KAGENT[1])]:
        cluster = Cluster({version: [("remotemcpservers", "RemoteMCPServer")] for version in served})
        made, notes = cluster.install({"kagentIntegration": {"enabled": True}})
        found = [one["apiVersion"] for one in made if one["kind"] == "RemoteMCPServer"]
        report.equal(f"where the cluster serves {served or 'no kagent'}", found, [expected] if expected else [])
        report.equal("… the notes warn if there is none", "serves no RemoteMCPServer" in notes, expected is None)
        cluster.close()
    cluster = Cluster({KAGENT[0]: [("remotemcpservers", "RemoteMCPServer")]})
    for labels, expected in [({"team": "ops"}, (True, False)), (None, (False, True))]:
        expressions = None if labels else [{"key": "team", "operator": "Exists"}]
        allowed = {"from": "Selector", "selector": {"matchLabels": labels, "matchExpressions": expressions}}
        notes = cluster.install({"kagentIntegration": {"enabled": True, "allowedNamespaces": allowed}})[1]
        said = "kubectl label namespace kagent" in notes, "operator: Exists" in notes
        by = "labels" if labels else "expressions"
        report.equal(f"the notes say which namespaces may refer to it, by {by}", said, expected)
    cluster.close()


def packaged(report: Report, work: Path) -> None:
    """The archive that `helm package` makes renders the same, and carries nothing that is for checks alone."""
    archive = helm_python.package(release.CHART, destination=work)
    report.equal("the package renders the same", shown(release.texts(chart=Path(archive))), shown(release.texts()))
    with helm_python.Chart.load(archive) as chart:
        files = sorted(file["name"] for file in chart.files)
    spare = [name for name in files if name.startswith(("ci/", "examples/"))]
    report.equal("it carries no checks and examples", spare, [], ", ".join(files))
