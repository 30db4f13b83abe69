"""A policy with one term changed on the command line, read and judged as its file would be; nothing is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fedsched.cli.output import Exit, Failure
from fedsched.config.policies import load_policy
from fedsched.config.policy_checks import judge
from fedsched.config.policy_keys import GROUP, PRINCIPAL
from fedsched.config.problems import ConfigError
from fedsched.config.tables import FAILED, Reading, Table
from fedsched.matchmaker.model import Group, Policy, PrincipalTerms

_WHOLE = re.compile(r"[0-9]{1,15}")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


def with_factor(policy: Policy, given: str) -> Policy:
    """`PATTERN=X`: that priority factor; in place of the same pattern's, else before all others (first match counts).

    The path of a group stands for all its principals. Failure (usage) as for a policy file.
    """
    pattern, value = _parted("--factor", given, "physics.ann@example.org=2")
    if "@" not in pattern and not set("*?[") & set(pattern):
        pattern = f"{pattern}.*"
    (read,) = _read("--factor", given, PRINCIPAL, [{"pattern": pattern, "factor": _number(value)}])
    same = [one for one in policy.principals if one.pattern == pattern]
    if same:
        changed = tuple(
            msgspec.structs.replace(one, factor=read.factor) if one in same else one for one in policy.principals
        )
    else:
        changed = (_like_the_first(policy, read), *policy.principals)
    return _judged("--factor", given, msgspec.structs.replace(policy, principals=changed))


def with_quota(policy: Policy, given: str) -> Policy:
    """`GROUP=cpu=64,gpus=4` or `GROUP=0.25` (a part of its parent's, or of all that is lent): that floor.

    Everything else of the group stays; a group that the policy does not have gets nothing but it. Failure (usage) as
    for a policy file.
    """
    path, value = _parted("--quota", given, "physics.cms=cpu=64,memory=256 GiB")
    floor: dict[str, Any] = {"quota": _amounts(given, value)} if "=" in value else {"quota_fraction": _number(value)}
    (read,) = _read("--quota", given, GROUP, {path: floor})
    groups = {group.path: group for group in policy.groups}
    groups[path] = msgspec.structs.replace(
        groups.get(path, Group(path)),
        quota=read.quota,
        quota_names=read.quota_names,
        quota_fraction=read.quota_fraction,
    )
    changed = tuple(group for _, group in sorted(groups.items()))
    return _judged("--quota", given, msgspec.structs.replace(policy, groups=changed))


def named(given: str, own: Path | None) -> Policy:
    """A policy by its name, or by its file (NAME.toml). Raises ConfigError."""
    file = Path(given)
    if file.suffix == ".toml":
        return load_policy(file.stem, file.absolute().parent)
    return load_policy(given, own or Path("policies"))


def _like_the_first(policy: Policy, read: PrincipalTerms) -> PrincipalTerms:
    """The pattern that it goes before would no longer count: its floor and ceiling are kept where it is as wide."""
    from fnmatch import fnmatchcase

    wider = next((one for one in policy.principals if fnmatchcase(read.pattern, one.pattern)), None)
    return msgspec.structs.replace(wider, pattern=read.pattern, factor=read.factor) if wider else read


def _parted(option: str, given: str, example: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not name.strip() or not equals or not value.strip():
        raise Failure(Exit.USAGE, f"{option} {given}: expected NAME=VALUE", f'for example {option} "{example}"')
    return name.strip(), value.strip()


def _number(text: str) -> float | str:
    """As TOML would have it; what is no number stays a text, and is refused as one."""
    return float(text) if _NUMBER.fullmatch(text) else text


def _amounts(given: str, text: str) -> Mapping[str, object]:
    parts = (_parted("--quota", part, "cpu=64") for part in text.split(",")) if text else ()
    found: dict[str, object] = {}
    for name, value in parts:
        if name in found:
            raise Failure(Exit.USAGE, f"--quota {given}: {name} stands twice", "say each resource once")
        found[name] = int(value) if _WHOLE.fullmatch(value) else value
    return found


def _read(option: str, given: str, table: Table, value: Any) -> Any:
    reading = Reading(Path(option), "")
    read = reading.table(table, value)
    if read is FAILED or reading.problems:
        raise _failure(option, given, reading)
    return read


def _judged(option: str, given: str, policy: Policy) -> Policy:
    reading = Reading(Path(option), "")
    judge(reading, policy)
    if reading.problems:
        raise _failure(option, given, reading)
    return policy


def _failure(option: str, given: str, reading: Reading) -> Failure:
    try:
        reading.finish()
    except ConfigError as error:
        said = "; ".join(f"{problem.key}: {problem.text}" for problem in error.problems)
        return Failure(Exit.USAGE, f"{option} {given}: {said}", "docs/policies.md has every key")
    return Failure(Exit.USAGE, f"{option} {given}: not understood", "docs/policies.md has every key")


__all__ = ["named", "with_factor", "with_quota"]
