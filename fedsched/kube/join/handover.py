"""The hand-over: one commented YAML file that a site's admin reads, edits and applies; it asks no cluster."""

from __future__ import annotations

from typing import Any

import yaml

from fedsched.kube.join.request import JoinRequest
from fedsched.kube.join.standing import DEFAULT_COUNTS, granted, standing
from fedsched.kube.rights import Right

WHY = {
    "Namespace": 'Where everything of ours lives. Pods must be harmless here (Pod Security level "restricted").',
    "ConfigMap fedsched-anchor": "Owner of all that fedsched places. Deleting it clears every placement:\n"
    "#   kubectl delete configmap fedsched-anchor -n {namespace}",
    "ConfigMap fedsched-fence": "Which run of fedsched wrote last; an older one that wakes up stops by itself.",
    "ServiceAccount": "Who fedsched is in your cluster. Deleting it ends its access at once.",
    "Role": "What it may do inside the namespace, each line with what would fail without it.",
    "RoleBinding": "Gives the Role to the account. Deleting it stops fedsched; what runs leaves by itself in time.",
    "ClusterRole": "What it may read outside the namespace. Nothing is written there. Of pods only requests, node\n"
    "# and priority are decoded and kept.",
    "ClusterRoleBinding": "Gives the ClusterRole to the account.",
    "ResourceQuota": "YOUR LIMIT: the most that may ever run here. Set sizes; 0 stops everything new:\n"
    '#   requests.cpu: "200"    requests.memory: 800Gi    requests.nvidia.com/gpu: "4"',
    "LimitRange": "What a container gets that names no size. Ours always name theirs.",
    "NetworkPolicy": "Nothing can connect to our pods. They reach names and the internet, no metadata service and no\n"
    "# private network but those listed last. Needs a network plugin that enforces policies.",
}  # fmt: skip


def handover(request: JoinRequest) -> str:
    """The whole file, ready for `kubectl apply -f`."""
    own = request.visibility != "namespace"
    parts = [_head(request, own_namespace=own)]
    parts += [_document(request, manifest) for manifest in standing(request, own_namespace=own)]
    offers = _priority_offer() if own or request.quota else _quota_offer(request) + _priority_offer()
    return "\n---\n".join(part.rstrip("\n") for part in parts) + "\n" + offers


def _head(request: JoinRequest, *, own_namespace: bool) -> str:
    seen = {
        "full": "It sees nodes, and of all pods their requests, node and priority: that is how it knows what is free.",
        "nodes": "It sees nodes and its own pods; other people's pods it does not see.",
        "namespace": "It sees nothing outside this namespace.",
    }[request.visibility]
    before = "" if own_namespace else f"# The namespace must be there: kubectl create namespace {request.namespace}\n"
    return f"""\
# What a cluster gives to the federation "{request.federation}", where it is called "{request.name}".
# Written by: fedsched join {request.name} --print-rbac --visibility {request.visibility}
#
# {seen}
# It starts HTCondor workers as unprivileged pods in the namespace {request.namespace}, and nothing elsewhere.
#
{before}# 1. Read it, set the quota, and apply it:
#      kubectl apply -f site.yaml
# 2. Make a kubeconfig that can do only this, and give it to the federation's operator:
{_kubeconfig_recipe(request)}
# 3. The operator finishes with:
#      fedsched join {request.name} --kubeconfig sa.kubeconfig --no-rbac --visibility {request.visibility}
#    The token inside is exchanged at once for one that fedsched renews; delete sa.kubeconfig then.
#
# To stop it: the anchor, the quota, the RoleBinding or the ServiceAccount below, whichever you like.
# To remove it: kubectl delete -f site.yaml"""


def _kubeconfig_recipe(request: JoinRequest) -> str:
    namespace, account = request.namespace, request.service_account
    cluster = "{.clusters[0].cluster."
    edit = "kubectl --kubeconfig sa.kubeconfig config"
    ca = f"kubectl get configmap kube-root-ca.crt -n {namespace} -o jsonpath='{{.data.ca\\.crt}}' > ca.crt"
    server = f"SERVER=$(kubectl config view --minify -o jsonpath='{cluster}server}}')"
    lines = (
        f"TOKEN=$(kubectl create token {account} -n {namespace} --duration=24h)",
        server,
        ca,
        f'{edit} set-cluster c --server "$SERVER" --certificate-authority ca.crt --embed-certs',
        f'{edit} set-credentials u --token "$TOKEN"',
        f"{edit} set-context {request.name} --cluster c --user u --namespace {namespace}",
    )
    return "\n".join(f"#      {line}" for line in lines)


def _document(request: JoinRequest, manifest: dict[str, Any]) -> str:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    why = WHY.get(f"{kind} {name}") or WHY[kind]
    text = "# " + why.replace("{namespace}", request.namespace) + "\n"
    if kind not in {"Role", "ClusterRole"}:
        return text + as_yaml(manifest)
    rest = {key: value for key, value in manifest.items() if key != "rules"}
    lines = [text + as_yaml(rest).rstrip("\n"), "rules:"]
    for rule in manifest["rules"]:
        lines += [f"  # {feature}" for feature in _features(request, kind, rule)]
        lines.append("  - " + as_yaml(rule).rstrip("\n").replace("\n", "\n    "))
    return "\n".join(lines) + "\n"


def _features(request: JoinRequest, kind: str, rule: dict[str, Any]) -> list[str]:
    scope = "cluster" if kind == "ClusterRole" else "namespace"
    wanted = (rule["apiGroups"][0], rule["resources"][0], tuple(rule.get("resourceNames", ())))
    matching: list[Right] = [
        r for r in granted(request) if r.scope == scope and (r.group, r.resource, r.names) == wanted
    ]
    return [f"{right.feature}: {', '.join(right.verbs)}" for right in matching]


def _quota_offer(request: JoinRequest) -> str:
    hard = "\n".join(f'#     {name}: "{amount}"' for name, amount in DEFAULT_COUNTS)
    return f"""\
# ---
# A ResourceQuota, if the namespace has none yet (it binds everybody's pods in the namespace):
# apiVersion: v1
# kind: ResourceQuota
# metadata: {{name: fedsched-quota, namespace: {request.namespace}}}
# spec:
#   hard:
{hard}
"""


def _priority_offer() -> str:
    return """\
# ---
# A priority below everybody's, so that your own pods push ours away at once. It concerns the whole cluster, so it is
# yours to make; without one (or a class like it) the operator needs your consent to --allow-same-priority.
# apiVersion: scheduling.k8s.io/v1
# kind: PriorityClass
# metadata: {name: fedsched-guest}
# value: -1000
# preemptionPolicy: Never
# description: Guests of the federation; anything else goes first.
"""


def as_yaml(value: Any) -> str:
    """As people write it: block style, plain lists on one line, keys in their order."""
    # Without aliases: the same dictionary used twice must still be readable.
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, default_flow_style=False, width=120)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the dumper's own interface
        return True


def _list(dumper: _Plain, values: list[Any]) -> Any:
    """Plain values side by side, anything else one below the other."""
    plain = all(isinstance(value, str) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=plain)


_Plain.add_representer(list, _list)
