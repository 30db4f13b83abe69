"""One member as a checkup sees it: our objects wherever their labels say, quotas, rights; a bounded number of reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fedsched.config.settings import MemberFile
from fedsched.kube.join import credentials
from fedsched.kube.join.caller import Transported
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.join.reviews import may
from fedsched.kube.moments import epoch_s
from fedsched.kube.object_names import path
from fedsched.kube.objects import epoch
from fedsched.kube.quantities import value
from fedsched.kube.rights import Right, rights
from fedsched.kube.transport import Transport, TransportError
from fedsched.kube.wire import QuotaItem, Wire
from fedsched.kube.wire_own import ConfigItem, OwnItem, OwnPodItem
from fedsched.matchmaker.model.names import (
    ANCHOR,
    FENCE,
    LABEL_EPOCH,
    LABEL_MEMBER,
    LABEL_PLACEMENT,
    LABEL_ROLE,
    MANAGED_BY,
    MANAGER,
    PART_OF,
)

RULES_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
REQUESTS_PER_S = 20.0
PAGE = "500"
MOST_PAGES = 40
ASK_S = 10.0
OVER = frozenset({"Succeeded", "Failed"})
T = TypeVar("T")


class Seen(msgspec.Struct, frozen=True):
    """A Job or DaemonSet with our labels, where it really stands. member: what its label says. at: when it was made."""

    kind: str
    name: str
    member: str
    placement: str
    at: float
    owned: bool = True
    deleting: bool = False


class QuotaLine(msgspec.Struct, frozen=True):
    """One resource of one ResourceQuota: how much there may be, how much it counts, and how much of it is ours."""

    quota: str
    resource: str
    hard: float
    used: float
    ours: float


class Site(msgspec.Struct, frozen=True):
    """What was read of one member. error: why nothing was, "" when it was; contact: the kind of that failure.

    pods: names of our pods that are not over. lacking: rights that our account has not: (feature, verbs and resource,
    optional). fence_epoch: the highest epoch in its fence or on anything with our labels. clock_skew_s: its clock minus
    ours. expires_at: end of our credential, epoch seconds.
    """

    member: str
    at: float = 0.0
    error: str = ""
    contact: str = "ok"
    version: str = ""
    objects: tuple[Seen, ...] = ()
    pods: frozenset[str] = frozenset()
    anchor_uid: str = ""
    fence_epoch: int = 0
    quotas: tuple[QuotaLine, ...] = ()
    lacking: tuple[tuple[str, str, bool], ...] = ()
    asked: int = 0
    clock_skew_s: float = 0.0
    expires_at: float | None = None
    requests: int = 0


class _Page(Wire):
    metadata: Any = None
    items: tuple[msgspec.Raw, ...] = ()


class _Version(Wire):
    git_version: str = ""


def look(member: MemberFile, folder: Path, federation: str, at: float) -> Site:
    """Read one member; never raises for what it says. folder: where credentials lie. at: epoch seconds."""
    try:
        credential = credentials.load(folder / member.credential)
    except JoinError as error:
        return Site(member.name, at, str(error), "unauthorized")
    transport = Transport(credential, REQUESTS_PER_S)
    try:
        found = _Reader(member, transport, federation).site(at, credential.service_account)
        return msgspec.structs.replace(found, expires_at=credential.expires_at)
    except TransportError as error:
        return Site(member.name, at, str(error), error.contact, expires_at=credential.expires_at)
    except (JoinError, msgspec.MsgspecError) as error:
        return Site(member.name, at, str(error), "error", expires_at=credential.expires_at)
    finally:
        transport.close()


class _Reader:
    """The reads, one after the other."""

    def __init__(self, member: MemberFile, transport: Transport, federation: str) -> None:
        self._member = member
        self._transport = transport
        self._ours = {"labelSelector": f"{MANAGED_BY}={MANAGER},{PART_OF}={federation}"}
        self._requests = 0

    def site(self, at: float, account: str) -> Site:
        """All of it. Raises TransportError, JoinError, MsgspecError."""
        version = msgspec.json.decode(self._get("/version", {}), type=_Version).git_version
        terms = self._member.terms
        wanted = rights(terms.name, terms.visibility, terms.forms, account, terms.jobs)
        lacking = tuple(self._lacking(wanted))
        configs = self._items("ConfigMap", ConfigItem)
        anchor = next((c.metadata.uid for c in configs if c.metadata.name == ANCHOR), "")
        objects = [("Job", item) for item in self._items("Job", OwnItem)]
        if "startd-daemonset" in self._member.terms.forms:
            objects += [("DaemonSet", item) for item in self._items("DaemonSet", OwnItem)]
        placed = [(kind, item) for kind, item in objects if _is_placed(item)]
        pods = [pod for pod in self._items("Pod", OwnPodItem) if pod.status.phase not in OVER]
        labels = [item.metadata.labels for _, item in placed] + [c.metadata.labels for c in configs]
        fences = [epoch(c.data.epoch) for c in configs if c.metadata.name == FENCE]
        return Site(
            self._member.name,
            at,
            version=version[:60],
            objects=tuple(_seen(kind, item, anchor) for kind, item in placed),
            pods=frozenset(pod.metadata.name for pod in pods),
            anchor_uid=anchor,
            fence_epoch=max([0, *fences, *(epoch(each.get(LABEL_EPOCH, "")) for each in labels)]),
            quotas=tuple(self._quotas(pods, len([kind for kind, _ in placed if kind == "Job"]))),
            lacking=lacking,
            asked=sum(len(right.verbs) for right in wanted),
            clock_skew_s=self._transport.record.clock_skew_s,
            requests=self._requests,
        )

    def _lacking(self, wanted: Iterable[Right]) -> Iterator[tuple[str, str, bool]]:
        """Asked in one question where that proves them, else one by one: rules of a namespace prove no wider right."""
        rules = self._rules()
        caller = Transported(self._transport)
        for right in wanted:
            verbs = []
            for verb in right.verbs:
                if right.scope == "namespace" and _covers(rules, right, verb):
                    continue
                self._requests += 1
                if not may(caller, right, verb, self._member.namespace):
                    verbs.append(verb)
            if verbs:
                name = f" {right.names[0]}" if right.names else ""
                yield right.feature, f"{','.join(verbs)} {right.resource}{name}", right.optional

    def _rules(self) -> list[dict[str, Any]]:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": self._member.namespace},
        }
        self._requests += 1
        answer = self._transport.request("POST", RULES_REVIEW, None, msgspec.json.encode(body), timeout_s=ASK_S)
        if answer.failure() is not None:
            if answer.status == 401:
                raise answer.failure() or TransportError("unauthorized", "401")
            return []
        status = msgspec.json.decode(answer.body).get("status") or {}
        found = status.get("resourceRules")
        return [rule for rule in found if isinstance(rule, dict)] if isinstance(found, list) else []

    def _quotas(self, pods: list[OwnPodItem], jobs: int) -> Iterator[QuotaLine]:
        """Lines of quotas that count all pods; none where they may not be read."""
        ours = _requested(pods) | {"pods": len(pods), "count/pods": len(pods), "count/jobs.batch": jobs}
        try:
            quotas = self._items("ResourceQuota", QuotaItem, {})
        except TransportError as error:
            if error.status == 403:
                return
            raise
        for quota in quotas:
            if not (quota.spec.scopes or quota.spec.scope_selector):
                yield from _lines(quota, ours)

    def _items(self, kind: str, item: type[T], query: dict[str, str] | None = None) -> list[T]:
        """All of a kind in our namespace that carries our labels, page by page."""
        found: list[T] = []
        more: dict[str, str] = {}
        asked = self._ours if query is None else query
        for _ in range(MOST_PAGES):
            page = msgspec.json.decode(
                self._get(path(kind, self._member.namespace), asked | {"limit": PAGE} | more), type=_Page
            )
            found += [msgspec.json.decode(raw, type=item) for raw in page.items]
            rest = page.metadata.get("continue") if isinstance(page.metadata, dict) else None
            if not rest:
                break
            more = {"continue": str(rest)}
        return found

    def _get(self, where: str, query: dict[str, str]) -> bytes:
        self._requests += 1
        return self._transport.get(where, query, ASK_S)


def _requested(pods: Iterable[OwnPodItem]) -> dict[str, float]:
    """Sums under both names that a quota may have for them."""
    sums: Counter[str] = Counter()
    for pod in pods:
        for container in pod.spec.containers:
            for name, text in container.resources.requests.items():
                sums[name] += value(text) or 0  # type: ignore[assignment]  # a Counter adds any numbers
    return {name: float(amount) for one, amount in sums.items() for name in (one, f"requests.{one}")}


def _lines(quota: QuotaItem, ours: Mapping[str, float]) -> Iterator[QuotaLine]:
    for name, limit in (quota.status.hard or quota.spec.hard).items():
        hard, used = value(limit), value(quota.status.used.get(name, "0"))
        if name in ours and hard is not None and used is not None:
            yield QuotaLine(quota.metadata.name[:253], name, float(hard), float(used), float(ours[name]))


def _is_placed(item: OwnItem) -> bool:
    return item.metadata.labels.get(LABEL_ROLE, "placement") == "placement"


def _seen(kind: str, item: OwnItem, anchor: str) -> Seen:
    meta = item.metadata
    owned = bool(anchor) and any(owner.uid == anchor for owner in meta.owner_references)
    return Seen(
        kind,
        meta.name,
        meta.labels.get(LABEL_MEMBER, ""),
        meta.labels.get(LABEL_PLACEMENT, ""),
        epoch_s(meta.creation_timestamp) or 0.0,
        owned,
        meta.deletion_timestamp is not None,
    )


def _covers(rules: Iterable[dict[str, Any]], right: Right, verb: str) -> bool:
    """Whether some rule surely gives it."""
    for rule in rules:
        names = rule.get("resourceNames") or []
        named = not names or (bool(right.names) and set(right.names) <= set(names))
        if named and all(
            wanted in given or "*" in given
            for wanted, given in (
                (verb, rule.get("verbs") or []),
                (right.group, rule.get("apiGroups") or []),
                (right.resource, rule.get("resources") or []),
            )
        ):
            return True
    return False
