# shellcheck shell=bash
# What .ci/mcp-conformance, .ci/mcp-clients, .ci/chart and .ci/kagent have in common: programs installed once, outside
# the clone, and commands run apart. Sourced, not run; the script has gone to the root of the clone and set -euo pipefail.

CACHE="${CI_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/policyguard}"

# One folder for each list of versions, filled whole or not at all.
folder_of() {
  local name=$1 list=$2 sum
  sum=$(sha256sum "$list" | cut -c1-12)
  echo "$CACHE/mcp-$name-$sum"
}

# Prints the folder of the Node programs. Node itself is one of them: the suite and Inspector need 22, Debian has older.
node_tools() {
  local list=.ci/clients/package.json folder
  folder=$(folder_of node "$list")
  if [[ ! -e $folder/ready ]]; then
    echo "installing Node and the MCP programs that run on it into $folder (340 MB, once)" >&2
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$list" "$folder/package.json"
    (cd "$folder" && npm install --no-audit --no-fund --no-package-lock --loglevel=error) >&2
    "$folder/node_modules/node/bin/node" --version >&2
    touch "$folder/ready"
  fi
  echo "$folder"
}

# Prints the folder of a Python environment that holds what a list says, by default the one in .ci/clients.
python_tools() {
  local name=$1 list=${2:-.ci/clients/$1.txt} folder
  folder=$(folder_of "$name" "$list")
  if [[ ! -e $folder/ready ]]; then
    echo "installing $(grep -v '^#' "$list" | tr '\n' ' ')into $folder" >&2
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$list" >&2
    touch "$folder/ready"
  fi
  echo "$folder"
}

# Runs a command with a network and mounts of its own, which end with it.
in_namespaces() {
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    as_root=(sudo "--preserve-env=CHART_UPDATE,CHART_WITHOUT_CGROUPS")
  fi
  "${as_root[@]}" env PYTHONDONTWRITEBYTECODE=1 unshare --mount --net --propagation private "$@"
}
