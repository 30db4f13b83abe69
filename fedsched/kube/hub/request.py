"""What `fedsched hub join` and `manifests` ask for, as values, and the names of what they make; knows no cluster."""

from __future__ import annotations

import msgspec

from fedsched.config.settings import Federation, MemberFile, QueueSettings
from fedsched.kube.hub.policies import GROUP, HubTerms
from fedsched.kube.join.refusal import JoinError, shown
from fedsched.kube.join.request import DNS_LABEL, MEMBER_NAME, RESERVED_NAMESPACES
from fedsched.kube.rights import Right, Scope
from fedsched.matchmaker.model.names import LABEL_MEMBER, LABEL_ROLE, MANAGED_BY, MANAGER, PART_OF

ACCOUNT = "fedsched-hub"
GLOB = frozenset("*?[")
HUB = "hub.queues"
"""In the place of a member's name on our objects in a hub; no member can be called that."""
POLICIES = (
    ("the policy that makes Jobs ours", "mutatingadmissionpolicies"),
    ("its binding", "mutatingadmissionpolicybindings"),
    ("the policy that refuses", "validatingadmissionpolicies"),
    ("the refusing policy's binding", "validatingadmissionpolicybindings"),
)


class HubRequest(msgspec.Struct, frozen=True):
    """One hub. queue: the queue's name. queues: all of the federation's in that hub. copied: kinds that members copy.

    token_s: asked life of the token in seconds.
    """

    queue: str
    federation: str
    namespace: str = "fedsched-queue"
    terms: HubTerms = HubTerms(())
    copied: tuple[str, ...] = ()
    token_s: int = 7 * 86_400
    service_account: str = ACCOUNT

    @property
    def cluster_object_name(self) -> str:
        """Name of our cluster-scoped objects; another federation's may be there, and are never taken for ours."""
        return f"fedsched-hub-{self.federation}"[:200]

    @property
    def labels(self) -> dict[str, str]:
        """Labels by which our objects are known (FA6)."""
        return {
            MANAGED_BY: MANAGER,
            PART_OF: self.federation,
            LABEL_MEMBER: HUB,
            LABEL_ROLE: "standing",
        }

    @property
    def copied_from(self) -> tuple[str, ...]:
        """Namespaces in which objects may be read to be copied; a pattern names none."""
        return tuple(sorted(set(named(self.terms.queues)))) if self.copied else ()


def request_of(settings: Federation, members: tuple[MemberFile, ...], queue: str, namespace: str) -> HubRequest:
    """For a queue of fedsched.toml, or for one that is not there yet, with the rules that it would begin with."""
    if any(each.name == queue and each.kind != "hub" for each in settings.queues):
        raise JoinError(f"queue {queue} of fedsched.toml is of kind journal, no hub", "another name")
    known = {each.name: each for each in settings.queues if each.kind == "hub"}
    own = known.get(queue) or QueueSettings(queue)
    beside = [each for each in known.values() if each.credential == own.credential and each is not own]
    queues = tuple(sorted([own, *beside], key=lambda each: each.name))
    grants = sorted({grant for member in members for grant in member.jobs.grants})
    copied = sorted({kind for member in members for kind in member.jobs.copied})
    made = HubRequest(queue, settings.id, namespace, HubTerms(queues, tuple(grants)), tuple(copied))
    check(made)
    return made


def check(request: HubRequest) -> None:
    """JoinError when a name could not be right anywhere."""
    if not MEMBER_NAME.fullmatch(request.queue):
        raise JoinError(
            f"queue name {shown(request.queue, 60)!r}: lower-case letters, digits and - (at most 40)", "rename"
        )
    if not DNS_LABEL.fullmatch(request.namespace) or request.namespace in RESERVED_NAMESPACES:
        raise JoinError(f"namespace {shown(request.namespace, 80)!r} cannot be ours", "--namespace fedsched-queue")


def named(queues: tuple[QueueSettings, ...]) -> tuple[str, ...]:
    """Namespaces that the queues name without any pattern."""
    return tuple(name for queue in queues for name in queue.namespaces if not GLOB & set(name))


def everywhere(queues: tuple[QueueSettings, ...]) -> bool:
    """Whether some queue's namespaces are patterns: then the whole hub must be read."""
    return any(GLOB & set(name) for queue in queues for name in queue.namespaces)


def rights(request: HubRequest) -> tuple[Right, ...]:
    """What our account may do with users' Jobs; scope `namespace` means each of the queue's named namespaces."""
    own = request.cluster_object_name
    scope: Scope = "cluster" if everywhere(request.terms.queues) else "namespace"
    return (
        Right("labelled Jobs are seen", scope, "batch", "jobs", ("get", "list", "watch")),
        Right("their status is told", scope, "batch", "jobs/status", ("patch", "update")),
        Right("what happened to a Job is told as an event", scope, "", "events", ("create",), optional=True),
        Right(
            "priorities are known", "cluster", "scheduling.k8s.io", "priorityclasses", ("list", "watch"), optional=True
        ),
        *(
            Right(f"{what} can be checked", "cluster", GROUP, resource, ("get",), (own,), optional=True)
            for what, resource in POLICIES
        ),
    )


def copying(request: HubRequest) -> tuple[Right, ...]:
    """What it may read in each namespace of `copied_from`, for members that take copies."""
    plural = {"ConfigMap": "configmaps", "Secret": "secrets"}
    return tuple(
        Right(f"{kind}s that a Job names are copied with it", "namespace", "", plural[kind], ("get",))
        for kind in request.copied
    )


def own_rights(request: HubRequest) -> tuple[Right, ...]:
    """What it may do in its own namespace."""
    own = (request.service_account,)
    return (Right("our own token is renewed", "namespace", "", "serviceaccounts/token", ("create",), own),)
