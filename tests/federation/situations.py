"""Situations in which a job waits, each really made: what is done to a member, to a node or by the job itself.

Members that share a control plane are told apart by namespace; a job names the member that it wants, so that what keeps
it is what was done there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from tests.federation.harness import IMAGE, POLICY, Federation, sleep_job
from tests.laboratory.controlplane import ControlPlane

GROUPS = """
[limits]
licence = 1

[surge]
max_leak = 1

[group."group_atlas"]
accept_surplus = true
[group."group_atlas.capped"]
accept_surplus = true
limit = { cpu = 1 }
[group."group_atlas.fixed"]
quota = { cpu = 1 }
[group."group_atlas.poor"]
accept_surplus = true
budget = 0.001
[[principal]]
pattern = "group_atlas.small.*"
ceiling = 1.0
"""
CROWD = (
    POLICY
    + """
[breaker]
failures = 1

[preemption]
mode = "fair"
way = "vacate"
protect_s = 3600

[group."group_atlas"]
accept_surplus = true
[group."group_atlas.a"]
accept_surplus = true
[group."group_atlas.b"]
accept_surplus = true
"""
)
"""Two groups of equal weight on one small member; who has begun is left alone for an hour."""
POLICY_OF_ANSWERS = (
    "backoff_failures = 1\nbackoff_s = 3600\n"
    + POLICY.replace("pending_s = 60", "pending_s = 15\nfirst_refusal_s = 0").replace("lost_s = 40", "lost_s = 100")
    + GROUPS
)
"""A group's first failure closes it for the rest of the test, so that its answer stands still."""


class Member(NamedTuple):
    """A member of a namespace of its own. groups: of nodes that it lends. add: (table, lines) for its file.

    edits: (old, new) in its file. admin: what the site's admin does there, given the control plane and the namespace.
    """

    groups: tuple[str, ...] = ("std",)
    add: tuple[tuple[str, str], ...] = ()
    edits: tuple[tuple[str, str], ...] = ()
    admin: Callable[[ControlPlane, str], Any] | None = None


class Asked(NamedTuple):
    """A job that waits. cause: the reason that `explain` must name. member: which it wants; more: submit commands."""

    cause: str
    member: str = "open"
    cpus: int = 1
    memory_mib: int = 64
    group: str = ""
    node_group: str = ""
    wants: str = ""
    more: str = ""
    jobs: int = 1
    late: bool = False
    """It comes when the member has been seen and is troubled since."""

    def text(self, seconds: float = 600) -> str:
        """The submit file."""
        wants = [f'TARGET.FedschedMember == "{self.member}"'] if self.member else []
        wants += [f'TARGET.FedschedNodeGroup == "{self.node_group}"'] if self.node_group else []
        wants += [self.wants] if self.wants else []
        wants = wants or ["true"]
        account = "accounting_group = {}\naccounting_group_user = alice\n"
        lines = f"requirements = {' && '.join(wants)}\n" + (account.format(self.group) if self.group else "")
        return sleep_job(seconds, self.cpus, self.memory_mib, lines + self.more, self.jobs)


def quota(plane: ControlPlane, namespace: str, hard: Mapping[str, str], name: str = "compute") -> None:
    """A ResourceQuota; waits until it counts."""
    meta = {"name": name, "namespace": namespace}
    plane.api.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": dict(hard)}})
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/{name}"
    plane.api.wait(path, lambda found: bool(found and found.get("status", {}).get("hard")))


def half_a_core(plane: ControlPlane, namespace: str) -> None:
    """What the site leaves us."""
    quota(plane, namespace, {"requests.cpu": "500m"})


def small_containers(plane: ControlPlane, namespace: str) -> None:
    """A LimitRange that admits only small containers."""
    limits = [{"type": "Container", "max": {"cpu": "48"}}]
    meta = {"name": "small", "namespace": namespace}
    plane.api.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": meta, "spec": {"limits": limits}})


VOLUME = 'volumes = [{ name = "data", persistentVolumeClaim = { claimName = "atlas-data" } }]\n'
MOUNT = 'mounts = [{ name = "data", mountPath = "/data", readOnly = true }]'
MEMBERS: dict[str, Member] = {
    "gpus": Member(("gpu",)),
    "open": Member(("std", "full", "frag", "kept", "off"), add=(("leave_free", "kept = { cpu = 2 }"),)),
    "priced": Member(edits=(("price_per_core_hour = 0.0", "price_per_core_hour = 10.0"),)),
    "quota": Member(admin=half_a_core),
    "ceiling": Member(add=(("ceiling", "cpu = 1"),)),
    "cordoned": Member(),
    "drained": Member(),
    "paused": Member(),
    "observed": Member(edits=(('mode = "on"', 'mode = "observe"'),)),
    "trial": Member(edits=(('mode = "on"', 'mode = "trial(1)"'),)),
    "short": Member(edits=(('max_lifetime = "24h"', 'max_lifetime = "30m"'),)),
    "annex": Member(("tainted",)),
    "no-image": Member(edits=((IMAGE, "docker.io/fedsched/nothing:1"),)),
    "no-probe": Member(add=(("overrides", 'probe = "exit 3"'),)),
    "no-volume": Member(add=(("overrides", VOLUME + MOUNT),)),
    "shared": Member(edits=(('share = "user"', 'share = "any"'),)),
    "revoked": Member(),
    "unclaimed": Member(),
}
ASKED: dict[str, Asked] = {
    "member-silent": Asked("member-silent", "away", late=True),
    "memory": Asked("node-too-small", memory_mib=96 * 1024),
    "cores": Asked("node-too-small", cpus=96),
    "disk": Asked("node-too-small", more="request_disk = 2048GB\n"),
    "gpu-product": Asked("requirements", "gpus", node_group="gpu", wants='TARGET.GPUs_DeviceName == "NVIDIA-A100"'),
    "never": Asked("requirements", wants='TARGET.Arch == "ppc64le"', node_group="std"),
    "random": Asked("expression-refused", wants="random(2) == 1"),
    "no-room": Asked("no-room", node_group="full"),
    "fragmented": Asked("fragmented", cpus=3, node_group="frag"),
    "kept-free": Asked("leave-free", cpus=3, node_group="kept"),
    "nodes-cordoned": Asked("nodes-cordoned", node_group="off"),
    "group-limit": Asked("group-limit", cpus=2, group="group_atlas.capped", node_group="std"),
    "group-quota": Asked("group-quota", cpus=2, group="group_atlas.fixed", node_group="std"),
    "group-budget": Asked("budget-spent", "priced", group="group_atlas.poor"),
    "user-ceiling": Asked("principal-ceiling", cpus=2, group="group_atlas.small", node_group="std"),
    "licence": Asked("concurrency-limit", more="concurrency_limits = licence:2\n", node_group="std"),
    "denied": Asked("denied", cpus=4, group="group_atlas.banned", node_group="std"),
    "too-long": Asked("too-long", "short", more="allowed_job_duration = 7200\n"),
    "quota": Asked("quota-full", "quota"),
    "limit-range": Asked("admission-refused", "", cpus=50),
    "ceiling": Asked("ceiling-reached", "ceiling", cpus=2),
    "cordoned": Asked("cordoned", "cordoned"),
    "draining": Asked("draining", "drained"),
    "paused": Asked("paused", "paused"),
    "observed": Asked("observe-only", "observed"),
    "trial": Asked("trial-full", "trial", jobs=2),
    "not-admitted": Asked("principal-refused", "", cpus=8, group="group_atlas.outsider"),
    "taint": Asked("tainted", "annex", node_group="tainted"),
    "image": Asked("backing-off", "no-image"),
    "probe": Asked("backing-off", "no-probe"),
    "volume": Asked("backing-off", "no-volume"),
    "credential": Asked("credential", "revoked", late=True),
    "member-lost": Asked("member-lost", "away", cpus=2, late=True),
}
"""By what is in the way, the one that passes into another first; what needs more is made in its test."""
SHAPES: dict[str, dict[str, Any]] = {
    "std": {"count": 2, "cpu": 64, "memory": "64Gi"},
    "full": {"count": 1, "cpu": 2, "memory": "8Gi"},
    "frag": {"count": 2, "cpu": 4, "memory": "16Gi"},
    "kept": {"count": 1, "cpu": 4, "memory": "16Gi"},
    "off": {"count": 1, "cpu": 4, "memory": "16Gi"},
    "gpu": {
        "count": 1,
        "cpu": 16,
        "memory": "64Gi",
        "extended": {"nvidia.com/gpu": 4},
        "more": {"nvidia.com/gpu.product": "Tesla-V100"},
    },
    "tainted": {
        "count": 1,
        "cpu": 16,
        "memory": "64Gi",
        "taints": [{"key": "dedicated", "value": "other", "effect": "NoSchedule"}],
    },
}


def furnish(plane: ControlPlane) -> None:
    """Nodes of every shape, and what the site itself runs on or says of them."""
    for name, shape in SHAPES.items():
        labels = {"farm": name, **shape.get("more", {})}
        rest = {key: value for key, value in shape.items() if key not in {"count", "more"}}
        plane.add_fake_nodes(name, shape["count"], labels=labels, **rest)
    own = plane.namespace("site")
    for node, cores in (("full-0", "2"), ("frag-0", "2"), ("frag-1", "2")):
        plane.api.create(site_pod(own, node, cores))
    plane.api.patch("/api/v1/nodes/off-0", {"spec": {"unschedulable": True}})


def site_pod(namespace: str, node: str, cores: str) -> dict[str, Any]:
    """A pod of the site's own that holds so many cores of a node for long."""
    container = {"name": "own", "image": "x", "resources": {"requests": {"cpu": cores}}}
    meta = {"name": f"own-{node}", "namespace": namespace, "annotations": {"sim/seconds": "36000s"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"nodeName": node, "containers": [container]}}


def join(hub: Federation, plane: ControlPlane, name: str, member: Member) -> None:
    """Join one, and write into its file what its situation needs."""
    hub.join(plane, name, "--namespace", f"ns-{name}")
    for table, lines in member.add:
        hub.add_to_member(name, table, lines)
    hub.edit_member(name, *member.edits)
    file = hub.member_file(name)
    file.write_text(f'principals = ["guest.*", "group_atlas.[!o]*"]\n{file.read_text()}')
    small_containers(plane, f"ns-{name}")
    if len(member.groups) == 1:
        hub.add_to_member(name, "overrides", f'node_selector = {{ farm = "{member.groups[0]}" }}')
    file = hub.member_file(name)
    groups = "".join(f'\n[[node_group]]\nname = "{one}"\nselector = {{ farm = "{one}" }}\n' for one in member.groups)
    file.write_text(file.read_text() + groups)
    if member.admin:
        member.admin(plane, f"ns-{name}")


def join_all(hub: Federation, plane: ControlPlane, away: ControlPlane) -> None:
    """All members; a few at a time, as each join is a program that mostly waits."""
    first, *rest = MEMBERS.items()
    join(hub, plane, *first)
    with ThreadPoolExecutor(3) as several:
        done = [several.submit(join, hub, plane, name, member) for name, member in rest]
        done.append(several.submit(join, hub, away, "away", Member(())))
        for one in done:
            one.result()
