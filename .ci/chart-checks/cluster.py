"""A cluster as far as Helm asks one while it renders: which versions it serves, and which Secrets there are."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import helm_python
import release
import yaml

CORE = [
    ("configmaps", "ConfigMap"),
    ("persistentvolumeclaims", "PersistentVolumeClaim"),
    ("pods", "Pod"),
    ("secrets", "Secret"),
    ("serviceaccounts", "ServiceAccount"),
    ("services", "Service"),
]


class Cluster:
    """Serves what a test puts into it, on a port of the loopback."""

    def __init__(self, groups: dict[str, list[tuple[str, str]]] | None = None) -> None:
        self.secrets: dict[str, dict] = {}
        self._groups = {"apps/v1": [("statefulsets", "StatefulSet"), ("deployments", "Deployment")]} | (groups or {})
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                answer = cluster.answer(path)
                # The types of all objects, of which this cluster knows none: an empty message.
                body = (
                    ""
                    if path == "/openapi/v2"
                    else json.dumps(answer or {"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound"})
                )
                self.send_response(200 if answer or not body else 404)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def keep(self, secret: dict, namespace: str = release.NAMESPACE) -> None:
        """Puts a Secret there, as a release of that namespace has made it."""
        owner = {"meta.helm.sh/release-name": release.NAME, "meta.helm.sh/release-namespace": namespace}
        secret["metadata"]["annotations"] = owner
        self.secrets[secret["metadata"]["name"]] = secret

    def answer(self, path: str) -> dict | None:
        parts = path.strip("/").split("/")
        match parts:
            case ["version"]:
                return {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                return {"kind": "APIGroupList", "groups": [self._group(name) for name in self._names()]}
            case ["api", "v1"]:
                return resources("v1", CORE)
            case ["apis", group, version] if f"{group}/{version}" in self._groups:
                return resources(f"{group}/{version}", self._groups[f"{group}/{version}"])
            case ["api", "v1", "namespaces", _, "secrets", name]:
                return self.secrets.get(name)
        return None

    def _names(self) -> list[str]:
        return sorted({version.split("/")[0] for version in self._groups})

    def _group(self, name: str) -> dict:
        versions = [{"groupVersion": one, "version": one.split("/")[1]} for one in self._groups if one.startswith(name)]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}

    def _config(self) -> helm_python.Config:
        return helm_python.Config(
            kube_apiserver=f"http://127.0.0.1:{self._server.server_port}", storage_driver="memory"
        )

    def upgrade(self, values: dict | None = None) -> list[dict]:
        """What an upgrade would render, seeing what is in the cluster."""
        with self._config() as config, helm_python.Chart.load(release.CHART) as chart:
            rendered = config.render(chart, values, name=release.NAME, namespace=release.NAMESPACE, is_upgrade=True)
        return release.manifests(release.shortened(rendered))

    def install(self, values: dict | None = None, namespace: str = release.NAMESPACE) -> tuple[list[dict], str]:
        """What `helm install --dry-run=server` would make, and its notes."""
        with self._config() as config, helm_python.Chart.load(release.CHART) as chart:
            made = config.install(chart, release.NAME, values, namespace=namespace, dry_run="server")
        return [one for one in yaml.safe_load_all(made["manifest"]) if one], made["notes"]

    def close(self) -> None:
        self._server.shutdown()


def resources(version: str, kinds: list[tuple[str, str]]) -> dict:
    listed = [
        {"name": name, "kind": kind, "namespaced": True, "singularName": kind.lower(), "verbs": ["get", "list"]}
        for name, kind in kinds
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
