"""A policy as configuration text for a pool's negotiator, and as commands for its admin; nothing runs here (FS8)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.model import Group, GroupSeen, Policy, PrincipalTerms
from fedsched.matchmaker.share.mirror import wanted_groups, whole

DEFAULT_FACTOR = 1000.0
"""HTCondor's DEFAULT_PRIO_FACTOR, which a factor of 1 in a policy stands for."""
FILE = "51-fedsched-groups.conf"

_GROUP = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LIMIT = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")
_SUBMITTER = re.compile(r"[A-Za-z0-9_.+=-]+@[A-Za-z0-9_.-]+")
_OF_GROUP = re.compile(r"([A-Za-z0-9_.-]+)\.\*(@\*)?")


def configuration(policy: Policy) -> str:
    """The groups, quotas, factors, half-life and limits of a policy, for config.d of the central manager.

    What a negotiator cannot be told stands in it as comments. Names that HTCondor would not take are left out, in a
    comment: nothing of a policy can become another line than its own.
    """
    groups = [group for group in wanted_groups(policy) if _GROUP.fullmatch(group.path)]
    lines = [
        f"# /etc/condor/config.d/{FILE} of the central manager: policy {_word(policy.name)} of fedsched.",
        "# Then: condor_reconfig -daemon negotiator",
        f"PRIORITY_HALFLIFE = {policy.sharing.half_life_s:g}",
        f"GROUP_NAMES = {', '.join(group.path for group in groups)}",
        "GROUP_ACCEPT_SURPLUS = False",
        "# else a group lends its quota once itself and once more by its children, and who comes first takes both",
        "NEGOTIATOR_ALLOW_QUOTA_OVERSUBSCRIPTION = False",
        *(line for group in groups for line in _group(group)),
        *_factors(policy.principals),
        *_limits(policy),
        *(f"# not in HTCondor: {text}" for text in beyond(policy)),
    ]
    return "\n".join(lines) + "\n"


def commands(policy: Policy) -> tuple[str, ...]:
    """Commands for the terms of single submitters; they need ADMINISTRATOR at the negotiator."""
    return tuple(line for terms in policy.principals for line in _commands(terms))


def beyond(policy: Policy) -> tuple[str, ...]:
    """What the policy says that no negotiator can be told, a sentence each."""
    said = [text for group in policy.groups for text in _beyond(group)]
    for terms in policy.principals:
        pattern = _word(terms.pattern)
        if not _SUBMITTER.fullmatch(terms.pattern) and (terms.floor or terms.ceiling):
            said.append(f"floor and ceiling of the pattern {pattern}: set them for each submitter")
        if not _SUBMITTER.fullmatch(terms.pattern) and not _OF_GROUP.fullmatch(terms.pattern) and terms.factor != 1:
            said.append(f'the factor of the pattern {pattern}: `negotiator = "drive"` sets it for each submitter')
    if not policy.sharing.slot_weight:
        said.append("dominant shares: quotas are in cores there (SLOT_WEIGHT = Cpus)")
    said += [
        f"the reservation {_word(one.name or one.group)}: change the quota on its days" for one in policy.reservations
    ]
    return tuple(said)


def _group(group: GroupSeen) -> Iterable[str]:
    if group.quota_fraction > 0:
        yield f"GROUP_QUOTA_DYNAMIC_{group.path} = {group.quota_fraction:g}"
    else:
        yield f"GROUP_QUOTA_{group.path} = {group.quota:g}"
    yield f"GROUP_ACCEPT_SURPLUS_{group.path} = {group.accept_surplus}"


def _factors(principals: Iterable[PrincipalTerms]) -> Iterable[str]:
    """A factor of a whole group; the first pattern counts, as in the policy."""
    told: set[str] = set()
    for terms in principals:
        match = _OF_GROUP.fullmatch(terms.pattern)
        if match and match[1] not in told:
            told.add(match[1])
            yield f"GROUP_PRIO_FACTOR_{match[1]} = {terms.factor * DEFAULT_FACTOR:g}"


def _limits(policy: Policy) -> Iterable[str]:
    for limit in policy.limits:
        if _LIMIT.fullmatch(limit.name):
            yield f"{limit.name.upper()}_LIMIT = {limit.units}"


def _commands(terms: PrincipalTerms) -> Iterable[str]:
    if not _SUBMITTER.fullmatch(terms.pattern):
        return
    if terms.factor != 1:
        yield f"condor_userprio -setfactor {terms.pattern} {terms.factor * DEFAULT_FACTOR:g}"
    if terms.floor > 0:
        yield f"condor_userprio -setfloor {terms.pattern} {terms.floor:g}"
    if terms.ceiling > 0:
        yield f"condor_userprio -setceiling {terms.pattern} {whole(terms.ceiling):g}"


def _beyond(group: Group) -> Iterable[str]:
    path = _word(group.path)
    if not _GROUP.fullmatch(group.path):
        yield f"the group {path}: HTCondor takes letters, digits, '_' and '-' between dots"
        return
    others = sorted(group.quota_names - {"cpu_milli"})
    if others:
        yield f"the quota of {path} in {', '.join(map(_word, others))}: only cores are counted"
    if group.limit_names:
        yield f"the limit of {path}: a group with accept_surplus has no ceiling there"
    if group.lend != Group("").lend or group.borrow is not None:
        yield f"lend and borrow of {path}"
    if not group.has_quota:
        yield f"the weight of {path}: told as a fraction of what is left, with surplus"
    if group.budget > 0:
        yield f"the budget of {path}"


def _word(text: str) -> str:
    """Text as part of a comment: one line, whatever it holds."""
    return re.sub(r"[^\w.@*?\[\] +=/-]", "_", text, flags=re.ASCII)[:200]


class NegotiatorConfig(msgspec.Struct, frozen=True):
    """All that a pool's admin needs. text: the file. commands: for single submitters. beyond: what cannot be told."""

    pool: str
    policy: str
    negotiator: str
    text: str
    commands: tuple[str, ...]
    beyond: tuple[str, ...]


def negotiator_config(policy: Policy, pool: str, negotiator: str) -> NegotiatorConfig:
    """The texts for one pool; negotiator: its setting in fedsched.toml."""
    return NegotiatorConfig(pool, policy.name, negotiator, configuration(policy), commands(policy), beyond(policy))
