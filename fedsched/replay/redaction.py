"""A snapshot for strangers: people, hosts and addresses under pseudonyms, and the plan decided anew from them.

Members, groups, pools, node groups and images keep their names; what people wrote is replaced as a whole.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import msgspec

from fedsched.journal import digest
from fedsched.matchmaker.model import JobCondition, JobShape, JobTerms, Plan
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import FIXED, Resources
from fedsched.replay.deciding import again, plan_bytes
from fedsched.replay.differences import Difference, differences
from fedsched.replay.file import Saved
from fedsched.replay.pseudonyms import Found, Pseudonyms

HOSTS = frozenset(
    {
        *("ScheddView.name", "DemandClass.schedd", "Placement.schedd", "Claim.schedd"),
        *("NodeRoom.node", "PodView.node", "SitePod.nodes", "Held.nodes_wanted", "TellJob.queue"),
    }
)
JOBS = frozenset({"QueuedJob.id", "Placement.job", "TellJob.job"})
"""Users' Kubernetes Jobs, "namespace/name": both parts are what people call things, or themselves."""
ORDERS = frozenset({"leave", "vacate"})
"""What is wanted of a single node, beside its name."""
PEOPLE = frozenset({"Principal.user", "DemandClass.user", "Placement.user", "Order.by", "ScheddView.identity"})
PHRASES = {
    "SitePod.name": "pod",
    "Order.reason": "note",
    "DemandClass.key": "class",
    "ClassReport.key": "class",
    "Placement.class_key": "class",
    "QueuedJob.class_key": "class",
    "ScheddView.address": "address",
}
"""Texts that are replaced as a whole. A class's key is a digest of names: who guesses them could make sure."""
EXPRESSIONS = frozenset(
    {
        *("DemandClass.requirements", "DemandClass.rank", "MemberTerms.requirements", "Policy.rank", "Tier.where"),
        *("Preemption.requirements", "Preemption.rank", "Sharing.slot_weight"),
        *("DemandClass.attributes", "NodeGroup.attributes", "MemberTerms.attributes", "SlotView.attributes"),
        "PairMemory.attributes",
    }
)
"""ClassAd text, alone or after an attribute's name: only what stands in quotes is replaced."""
IMAGES = frozenset(
    {"DemandClass.image", "Placement.image", "MemberTerms.image", "MemberTerms.images", "NodeGroup.images"}
)
NAMES = frozenset(
    {
        *("MemberView.name", "MemberTerms.name", "NodeGroup.name", "PoolView.name", "PoolTerms.name", "Tier.name"),
        *("Principal.group", "Group.path", "GroupSeen.path", "Policy.name"),
    }
)
"""What keeps its name, and words that are therefore no person's when they stand alone."""
SPOKEN = frozenset(
    {
        *("MemberView.contact_error", "ScheddView.error", "PoolView.error", "NegotiatorView.error", "Outcome.what"),
        *("NegotiatorView.refused", "PodView.problem", "ObjectView.refused", "MemberView.facts", "Notice.text"),
        *("PoolView.unannounced", "QueuedJob.problem", "JobCondition.message"),
    }
)
"""Sentences of machines, in which hosts may stand that are known from nowhere else."""
WORDS = frozenset(
    re.findall(
        r"\w+",
        "all and any anonymous class cluster condor cpu cpus default disk error false from gpu gpus group groups host "
        "idle image job jobs leave linux member members memory name nobody node nodes none not now pod pods pool root "
        "run schedd slot slots startd the true undefined user users vacate x86_64",
    )
)
"""Words that stay as they are where they stand alone, also when somebody is called so."""
_PERSON = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_SLOT = re.compile(r"slot\d[\w]*@.*|fs-[a-z0-9-]+@.*|.*@sha256")
_MACHINE = re.compile(r"(?<=//)[\w-]+(?:\.[\w-]+)+|\b[A-Za-z0-9][\w-]*(?:\.[\w-]+){2,}\b")
_NAMESPACES = re.compile(r"needs ([^,]+), has (.+)$")
_KNOWN_DOMAINS = ("kubernetes.io", "k8s.io", "nvidia.com", "fedsched.io")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PERSONAL = re.compile(r"(?i)owner|user|email|notify|x509|subject|token|proxy|iwd|\bcmd|args|environment")


class Redacted(NamedTuple):
    """The file for strangers. changed: in what its plan differs from the recorded one with pseudonyms put in."""

    saved: Saved
    changed: tuple[Difference, ...]


def redact(saved: Saved) -> Redacted:
    """Replace names everywhere, the policy included, and decide the plan anew.

    The order of names is kept, so that ties fall the same way. An expression that looks into a name (a regular
    expression, say) may then match otherwise: that is what `changed` tells.
    """
    if saved.redacted:
        return Redacted(saved, ())
    texts = list(_texts(saved))
    names = Pseudonyms(_found(texts))
    names.addresses(text for _, text in texts)
    renamed = _Renaming(names)
    policy, recorded = renamed.of(saved.policy), renamed.of(saved.recorded)
    recorded = msgspec.structs.replace(
        recorded,
        policy=digest(policy),
        members=tuple((terms.name, digest(terms)) for terms in recorded.snapshot.terms),
    )
    expected: Plan = recorded.plan
    plan, wanted = again(recorded, policy)
    asked = frozenset(map(plan_bytes, wanted))
    issued = tuple(change for change in recorded.issued if plan_bytes(change) in asked)
    changed = () if plan_bytes(plan) == plan_bytes(expected) else differences(expected, plan)
    recorded = msgspec.structs.replace(recorded, plan=plan, issued=issued)
    return Redacted(msgspec.structs.replace(saved, policy=policy, recorded=recorded, redacted=True), changed)


def _texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the field in which it stands, "Struct.field"; keys of maps too."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, msgspec.Struct) and not isinstance(value, Resources):
        kind = type(value).__name__
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name), f"{kind}.{name}")
    elif isinstance(value, dict):
        yield from _texts(tuple(value), f"{where}:key")
        yield from _texts(tuple(value.values()), where)
    elif isinstance(value, (tuple, list, frozenset)):
        for one in value:
            yield from _texts(one, where)


def _found(texts: Iterable[tuple[str, str]]) -> Found:
    texts = tuple(dict.fromkeys(texts))
    found = Found()
    groups = {text for where, text in texts if where in NAMES}
    found.words |= {*WORDS, *FIXED, *(str(cause) for cause in Cause)}
    persons = _themselves(texts)
    parts = {part for group in groups for part in (group, *re.split(r"[.]", group))}
    found.words |= {part for part in parts if part.rpartition(".")[2] not in persons}
    for where, text in texts:
        if where in JOBS:
            found.jobs |= {text} if "/" in text else set()
        elif where in HOSTS and text not in ORDERS:
            found.host(text)
        elif where in PEOPLE:
            found.person(text)
        elif where in PHRASES:
            found.phrase(PHRASES[where], text)
        elif where in IMAGES:
            _image(found, text)
        elif where in EXPRESSIONS:
            _expression(found, text, groups)
        else:
            _other(found, where, text, groups)
    return found


def _themselves(texts: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Users after whom a queue calls a group of their own ("guest.alice"): there the name is no word like others."""
    users = {text.partition("@")[0] for where, text in texts if where == "Principal.user"}
    spaces = {text for where, text in texts if where == "JobShape.namespace"}
    return frozenset(users & spaces)


def _expression(found: Found, text: str, groups: set[str]) -> None:
    for quoted in _QUOTED.findall(text):
        for person in _PERSON.findall(quoted):
            found.person(person, groups)


def _other(found: Found, where: str, text: str, groups: set[str]) -> None:
    """Names in a text of which nothing is known but that it is one: "user@domain" anywhere, hosts in sentences."""
    for person in _PERSON.findall(text):
        if not _SLOT.fullmatch(person):
            found.person(person.rpartition("/")[2], groups)
    if where in SPOKEN:
        for host in _MACHINE.findall(text):
            if not host.endswith(_KNOWN_DOMAINS) and not re.fullmatch(r"[\d.]+", host) and host not in groups:
                found.host(host)


def _image(found: Found, text: str) -> None:
    """The registry's host, which says where an image is from."""
    host, slash, _ = text.partition("/")
    if slash and "." in host:
        found.host(host.partition(":")[0])


class _Renaming:
    """Copies of values with all names replaced."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._personal: dict[str, str] = {}

    def of(self, value: Any, where: str = "") -> Any:
        """The same value under pseudonyms. where: the field in which it stands."""
        renamed: Any = value
        if isinstance(value, str):
            renamed = value if isinstance(value, Enum) else self._text(value, where)
        elif isinstance(value, msgspec.Struct) and not isinstance(value, Resources):
            renamed = self._struct(value)
        elif isinstance(value, dict):
            renamed = dict(
                sorted(((self._names.text(name), self.of(one, where)) for name, one in value.items()), key=_first)
            )
        elif isinstance(value, tuple) and where in EXPRESSIONS and len(value) == 2 and isinstance(value[0], str):
            renamed = value[0], self._expression(value[1], personal=bool(_PERSONAL.search(value[0])))
        elif isinstance(value, tuple):
            renamed = tuple(self.of(one, where) for one in value)
        return renamed

    def _struct(self, value: Any) -> Any:
        kind: Any = type(value)
        fixed = _literals(kind)
        changed = {}
        for name in value.__struct_fields__:
            one = getattr(value, name)
            if (special := self._of_namespaces(value, name)) is not None:
                changed[name] = special
            elif not (isinstance(one, str) and one in fixed.get(name, ())):
                changed[name] = self.of(one, f"{kind.__name__}.{name}")
        return msgspec.structs.replace(value, **changed)

    def _of_namespaces(self, value: Any, name: str) -> str | tuple[str, ...] | None:
        """A field that has namespaces of queues, or patterns over them; None for any other."""
        if isinstance(value, JobShape) and name == "namespace":
            return self._names.space(value.namespace)
        if isinstance(value, JobTerms) and name == "namespaces":
            return self._names.spaces(value.namespaces)
        if isinstance(value, Reason) and value.cause is Cause.NAMESPACE_REFUSED and name in {"need", "have"}:
            if name == "need":
                return self._names.space(value.need)
            return ", ".join(self._names.spaces(value.have.split(", ")))
        if isinstance(value, JobCondition) and name == "message" and value.reason == "NamespaceRefused":
            return _NAMESPACES.sub(self._told, value.message)
        return None

    def _told(self, found: re.Match[str]) -> str:
        """Namespaces as a Job is told of them."""
        return f"needs {self._names.space(found[1])}, has {', '.join(self._names.spaces(found[2].split(', ')))}"

    def _text(self, text: str, where: str) -> str:
        if where == "Held.nodes_wanted" and text in ORDERS:
            return text
        plain: Callable[[str], str] = self._names.text
        for fields, method in (
            (HOSTS, self._names.host),
            (PEOPLE, self._names.user),
            (PHRASES, self._names.phrase),
            (EXPRESSIONS, self._expression),
        ):
            if where in fields:
                plain = method
        return plain(text)

    def _expression(self, text: str, *, personal: bool = False) -> str:
        """ClassAd text with the strings in it replaced; those of an attribute that names people as a whole."""
        return _QUOTED.sub(lambda quoted: self._quoted(quoted[0][1:-1], personal=personal), text)

    def _quoted(self, text: str, *, personal: bool) -> str:
        replaced = self._names.text(text)
        if personal and replaced == text and text:
            replaced = self._personal.setdefault(text, f"text-{len(self._personal) + 1}")
        return f'"{replaced}"'


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


@cache
def _literals(kind: Any) -> dict[str, frozenset[str]]:
    """For each field of a struct the words that its type lists: they are no names."""
    return {name: frozenset(_words(hint)) for name, hint in typing.get_type_hints(kind).items()}


def _words(hint: Any) -> Iterator[str]:
    if typing.get_origin(hint) is typing.Literal:
        yield from (str(one) for one in typing.get_args(hint))
    else:
        for one in typing.get_args(hint):
            yield from _words(one)
