"""Who is charged: from the authenticated schedd and the name that the negotiator accounts, never from free text.

The same function serves jobs in a queue and claims on slots, so that both speak of the same principal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from fedsched.config.settings import PrincipalRule
from fedsched.matchmaker.model import Principal, names

LONGEST = 200
"""Most characters of a user's or group's name."""
_ODD = re.compile(r"[^\w.\-+=]", re.ASCII)
_ODD_USER = re.compile(r"[\x00-\x20\x7f\"'\\]")
_UNRULED = PrincipalRule(schedd="*")
_WORD = re.compile(names.WORD, re.ASCII)


class Origin(NamedTuple):
    """Where a job or claim comes from. identity: AuthenticatedIdentity of the schedd's ad in that pool, "" for none."""

    schedd: str
    identity: str
    pool: str


def principal(account: str, user: str, origin: Origin, rules: Sequence[PrincipalRule]) -> Principal:
    """The principal of a job or claim.

    account: as the negotiator accounts it, "group.name@domain" or without the domain (AccountingGroup), "" where no
    group is named. user: "name@domain" (a job's User, a slot's RemoteOwner). The group is taken only where the first
    rule for this schedd lists it; all else is charged to the rule's default group.
    """
    rule = rule_for(origin, rules)
    name, domain = _split_user(user)
    account_name, _, account_domain = account.rpartition("@") if "@" in account else (account, "", "")
    group, charged = _split_account(account_name, name)
    domain = rule.user_domain or account_domain or domain
    if not _lists(rule, group):
        group = rule.default.replace("{schedd}", _ODD.sub("_", origin.schedd))
    who = _ODD_USER.sub("_", f"{charged}@{domain}" if domain else charged)
    return Principal(group[:LONGEST], who[:LONGEST])


def names_its_group(account: str, user: str, origin: Origin, rules: Sequence[PrincipalRule]) -> bool:
    """Whether the job itself names the group that it is charged to; if not, it is its rule's default group."""
    name, _ = _split_user(user)
    group, _ = _split_account(account.rpartition("@")[0] if "@" in account else account, name)
    return _lists(rule_for(origin, rules), group)


def unnameable(user: str, group: str) -> str:
    """Why no startd can be told to admit these jobs (MA4); "" when one can. user: as their schedd has it."""
    for what, text in (("User", user), ("AccountingGroup", group)):
        if text and not _WORD.fullmatch(text):
            return f"{what}: only up to 253 letters, digits and ._@+:/=,- can stand in START"
    return ""


def rule_for(origin: Origin, rules: Sequence[PrincipalRule]) -> PrincipalRule:
    """The first rule whose globs fit the schedd (authenticated identity, or name where it has none) and pool."""
    who = origin.identity or origin.schedd
    for rule in rules:
        if fnmatchcase(who, rule.schedd) and fnmatchcase(origin.pool, rule.pool):
            return rule
    return _UNRULED


def _lists(rule: PrincipalRule, group: str) -> bool:
    """HTCondor's group names do not distinguish case."""
    return bool(group) and any(fnmatchcase(group.lower(), pattern.lower()) for pattern in rule.groups)


def _split_user(user: str) -> tuple[str, str]:
    name, _, domain = user.partition("@")
    return name, domain


def _split_account(account: str, owner: str) -> tuple[str, str]:
    """(group, name): the owner's own name may hold dots; any other name ends at the last dot."""
    if not account:
        return "", owner
    if owner and account.lower().endswith(f".{owner.lower()}"):
        return account[: -len(owner) - 1], account[-len(owner) :]
    group, _, name = account.rpartition(".")
    return group, name
