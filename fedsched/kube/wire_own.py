"""What is read of our own objects, their pods and events; everybody else's are in wire."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.kube.wire import Condition, Meta, Needs, Wire


class Owner(Wire):
    """One ownerReference."""

    uid: str = ""
    kind: str = ""
    controller: bool = False


class OwnMeta(Wire):
    """Metadata of an object in our namespace."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[Owner] = []


class Running(Wire):
    """A container that runs."""

    started_at: str | None = None


class Waiting(Wire):
    """A container that waits."""

    reason: str = ""
    message: str = ""


class Terminated(Wire):
    """A container that ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(Wire):
    """One of three."""

    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Wire):
    """How a container stands."""

    name: str = ""
    state: ContainerState = msgspec.field(default_factory=ContainerState)
    last_state: ContainerState = msgspec.field(default_factory=ContainerState)


class OwnContainer(Wire):
    """A container of ours, for what admission changed."""

    name: str = ""
    image: str = ""
    resources: Needs = msgspec.field(default_factory=Needs)
    restart_policy: str = ""


class OwnPodSpec(Wire):
    """What a pod of ours asks."""

    node_name: str = ""
    containers: list[OwnContainer] = []
    init_containers: list[OwnContainer] = []
    overhead: dict[str, str] = {}
    resources: Needs | None = None
    priority_class_name: str = ""
    node_selector: dict[str, str] = {}


class OwnPodStatus(Wire):
    """Where a pod of ours stands."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[Condition] = []
    init_container_statuses: list[ContainerStatus] = []
    container_statuses: list[ContainerStatus] = []


class OwnPodItem(Wire):
    """A pod of ours."""

    metadata: OwnMeta = msgspec.field(default_factory=OwnMeta)
    spec: OwnPodSpec = msgspec.field(default_factory=OwnPodSpec)
    status: OwnPodStatus = msgspec.field(default_factory=OwnPodStatus)


class Template(Wire):
    """A pod template."""

    spec: OwnPodSpec = msgspec.field(default_factory=OwnPodSpec)


class OwnSpec(Wire):
    """What a Job or DaemonSet of ours asks."""

    template: Template = msgspec.field(default_factory=Template)


class OwnStatus(Wire):
    """Where a Job or DaemonSet of ours stands. What only copies of users' Jobs are read for is judged there."""

    conditions: list[Condition] = []
    desired_number_scheduled: int = 0
    active: Any = None
    ready: Any = None
    terminating: Any = None
    succeeded: Any = None
    failed: Any = None
    start_time: Any = None
    completion_time: Any = None
    completed_indexes: Any = None
    failed_indexes: Any = None


class OwnItem(Wire):
    """A Job or DaemonSet of ours."""

    metadata: OwnMeta = msgspec.field(default_factory=OwnMeta)
    spec: OwnSpec = msgspec.field(default_factory=OwnSpec)
    status: OwnStatus = msgspec.field(default_factory=OwnStatus)


class EpochData(Wire):
    """The one key of a ConfigMap that is read."""

    epoch: str = ""


class ConfigItem(Wire):
    """A ConfigMap of ours; worker files are skipped, not kept."""

    metadata: OwnMeta = msgspec.field(default_factory=OwnMeta)
    data: EpochData = msgspec.field(default_factory=EpochData)


class HeadItem(Wire):
    """Any object of which only the metadata was asked for."""

    metadata: OwnMeta = msgspec.field(default_factory=OwnMeta)


class Involved(Wire):
    """What an event is about."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class EventItem(Wire):
    """A Kubernetes Event."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    involved_object: Involved = msgspec.field(default_factory=Involved)
    reason: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None
