"""What the operator asks join for, as values already checked for form; knows no cluster."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import msgspec

from fedsched.config.amounts import resources
from fedsched.config.problems import WrongError
from fedsched.config.settings import DeclaredGroup
from fedsched.kube.join.refusal import JoinError, shown
from fedsched.matchmaker.model import Form, JobTerms, Mode, Visibility

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
MEMBER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
PAIR_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_./-]{0,251}[A-Za-z0-9])?", re.ASCII)
RESERVED_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
SERVICE_ACCOUNT = "fedsched"


EGRESS = re.compile(r"(?P<address>[0-9A-Fa-f.:]+/\d{1,3}|[0-9.]+)(?::(?P<port>\d{1,5}))?", re.ASCII)


class Egress(msgspec.Struct, frozen=True, order=True):
    """Somewhere that pods may connect to although it is private. port: 0 for all."""

    cidr: str
    port: int = 0


class JoinRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One `fedsched join`.

    federation: id in labels. service_account: who we become; join names it after fedsched, a hand-over may differ.
    quota: (name as ResourceQuota knows it, quantity). token_s: asked life of the token in seconds.
    """

    name: str
    federation: str
    namespace: str
    visibility: Visibility = "full"
    mode: Mode = "trial"
    trial: int = 2
    forms: tuple[Form, ...] = ("startd-job",)
    labels: tuple[tuple[str, str], ...] = ()
    region: str = ""
    zone: str = ""
    latitude: float | None = None
    longitude: float | None = None
    price: float = 0.0
    egress: tuple[Egress, ...] = ()
    groups: tuple[DeclaredGroup, ...] = ()
    quota: tuple[tuple[str, str], ...] = ()
    image: str = ""
    pull_secrets: tuple[str, ...] = ()
    priority_class: str = ""
    allow_same_priority: bool = False
    service_account: str = SERVICE_ACCOUNT
    token_s: int = 7 * 86_400
    credential_name: str = ""
    collectors: tuple[str, ...] = ()
    """"host:port" of the pools that startds join, to tell whether the NetworkPolicy lets them."""
    jobs: JobTerms = JobTerms()
    """What the member's file says of users' Jobs, where there is one: Secrets that it names are looked for by name."""

    @property
    def startds(self) -> bool:
        """Whether startds are placed there, and not users' Jobs alone."""
        return self.forms != ("job",)

    @property
    def cluster_object_name(self) -> str:
        """Name of our ClusterRole and ClusterRoleBinding: several federations may share a cluster."""
        return f"fedsched-{self.federation}-{self.namespace}"[:200]


def check(request: JoinRequest) -> None:
    """JoinError when a name or number could not be right anywhere."""
    if not MEMBER_NAME.fullmatch(request.name):
        raise JoinError(
            f"member name {shown(request.name, 60)!r}: lower-case letters, digits and - (at most 40)", "rename"
        )
    if not DNS_LABEL.fullmatch(request.namespace):
        raise JoinError(f"namespace {shown(request.namespace, 80)!r} is no Kubernetes name", "--namespace fedsched")
    if request.namespace in RESERVED_NAMESPACES:
        raise JoinError(f"namespace {request.namespace} belongs to the cluster", "--namespace fedsched")
    if request.visibility == "namespace" and "startd-daemonset" in request.forms:
        raise JoinError("startd-daemonset needs to see nodes", "--visibility nodes, or without --form startd-daemonset")


def parse_mode(text: str) -> tuple[Mode, int]:
    """`observe`, `on`, `trial` or `trial(n)`."""
    if text in {"observe", "on"}:
        return ("observe", 2) if text == "observe" else ("on", 2)
    match = re.fullmatch(r"trial(?:\((\d{1,6})\))?", text)
    if match is None:
        raise JoinError(f"mode {shown(text, 40)!r}: observe, trial(n) or on", "--mode 'trial(2)'")
    return "trial", int(match[1] or 2)


def parse_egress(text: str) -> Egress:
    """`CIDR[:port]`, or `address[:port]` for one IPv4 address."""
    match = EGRESS.fullmatch(text)
    port = int(match["port"] or 0) if match else 0
    try:
        network = ipaddress.ip_network(match["address"] if match else "", strict=False)
    except ValueError:
        network = None
    if network is None or port > 65_535:
        raise JoinError(f"egress {shown(text, 60)!r} is not CIDR[:port]", "--egress 10.1.2.3/32:9618")
    return Egress(str(network), port)


PAIR_EXAMPLE = {"--label": "environment=production", "--quota": "pods=500"}


def parse_pair(text: str, option: str) -> tuple[str, str]:
    """`key=value` of a label or a quota."""
    key, equals, value = text.partition("=")
    if not equals or not PAIR_KEY.fullmatch(key) or len(value) > 253 or not value.isprintable():
        raise JoinError(f"{option} {shown(text, 60)!r} is not key=value", f"{option} {PAIR_EXAMPLE[option]}")
    return key, value


GROUP_FORM = "name=cpu:8,memory:32Gi,nodes:10[,disk:100Gi][,gpu:1][,other.resource/name:2]"
WHOLE = frozenset({"gpus", "pods"})


def parse_group(text: str) -> DeclaredGroup:
    """A declared node group, for members whose nodes cannot be seen."""
    name, equals, rest = text.partition("=")
    parts = [part.rpartition(":") for part in rest.split(",")] if equals and rest else []
    given: dict[str, Any] = {key.strip(): value.strip() for key, _, value in parts}
    nodes = str(given.pop("nodes", ""))
    if not DNS_LABEL.fullmatch(name) or len(given) + 1 != len(parts) or not nodes.isdigit() or int(nodes) < 1:
        raise JoinError(f"node group {shown(text, 80)!r} is not {GROUP_FORM}", f"--node-group {GROUP_FORM}")
    if "gpu" in given:
        given["gpus"] = given.pop("gpu")
    wholes = {key: int(value) for key, value in given.items() if ("/" in key or key in WHOLE) and value.isdigit()}
    try:
        amounts, named = resources({**given, **wholes})
    except WrongError as wrong:
        raise JoinError(f"node group {name}: {wrong}", f"--node-group {GROUP_FORM}") from None
    if not {"cpu_milli", "memory_mib"} <= named:
        raise JoinError(f"node group {name}: cpu and memory of one node are needed", f"--node-group {GROUP_FORM}")
    gpu = "nvidia.com/gpu" if amounts.gpus else ""
    return DeclaredGroup(name=name, allocatable=amounts, nodes=int(nodes), gpu_resource=gpu)
