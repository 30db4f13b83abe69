"""Reads clusters/NAME.toml into settings.MemberFile; the layout stands at the top of member_write.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from fedsched.config.derive import keys_of
from fedsched.config.federation import NAME
from fedsched.config.gate import EXPRESSION
from fedsched.config.kinds import Amounts, Duration, ListOf, Number, Pairs, Quantity, Schema, Text
from fedsched.config.problems import ConfigError, Problem, WrongError, shown
from fedsched.config.settings import DeclaredGroup, Federation, JobRules, MemberFile, Overrides
from fedsched.config.simulated import ATTRIBUTES, SIMULATED, judge
from fedsched.config.tables import Key, Reading, Table, read_file
from fedsched.matchmaker.model import Budgets, JobTerms, MemberTerms, Mode
from fedsched.matchmaker.resources import Resources

_TRIAL = re.compile(r"trial\(\s*(\d{1,6})\s*\)")
_EGRESS = Text(pattern=r"[0-9A-Fa-f.:]+/\d{1,3}(:\d{1,5})?", wanted='"CIDR" or "CIDR:port"')


class ModeText(msgspec.Struct, frozen=True):
    """`observe`, `trial(n)` or `on`, read as (mode, n)."""

    def read(self, value: Any) -> tuple[Mode, int]:
        """The mode and its n (2 where there is none)."""
        if value == "observe":
            return "observe", 2
        if value == "on":
            return "on", 2
        if isinstance(value, str) and (trial := _TRIAL.fullmatch(value.strip())):
            return "trial", int(trial[1])
        raise WrongError(f"expected observe, trial(n) or on, not {shown(value)}")

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string", "pattern": r"^(observe|on|trial\(\s*\d{1,6}\s*\))$"}


class UserText(msgspec.Struct, frozen=True):
    """A user's number, or "image" for the user that each image names, read as None."""

    def read(self, value: Any) -> int | None:
        """The number, None for "image"."""
        if value == "image":
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
        raise WrongError(f'expected a user\'s number or "image", not {shown(value)}')

    def schema(self) -> Schema:
        """A whole number or one word."""
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, {"const": "image"}]}


BUDGETS = Table(keys_of(Budgets, kinds={"requests_per_s": Number(least=0.01)}), Budgets)
OVERRIDES = Table(keys_of(Overrides), Overrides)
_GLOB = Text(pattern=r"[^\s/]+/[^\s/]+", wanted='"Kind/name", where * and ? may stand for letters')
_GRANT = Text(
    pattern=r"hostNetwork|hostPID|hostIPC|shareProcessNamespace|privileged|allowPrivilegeEscalation"
    r"|automountServiceAccountToken|(hostPath|hostPort|capabilities|procMount|runAsUser|supplementalGroups|sysctls"
    r"|serviceAccountName|runtimeClassName|schedulerName|csi)=\S+",
    wanted='a grant of docs/join.md ("hostNetwork", "hostPath=/cvmfs"), * and ? only behind the =',
)
"""One that nobody knows would grant nothing, and one for everything would grant what nobody thought of."""
JOBS = Table(
    keys_of(JobRules, kinds={"objects": ListOf(_GLOB), "grants": ListOf(_GRANT), "run_as_user": UserText()}),
    JobRules,
)
GROUP = Table(
    keys_of(DeclaredGroup, rename={"grow_s": "grow"}, kinds={"name": NAME, "attributes": ATTRIBUTES}),
    DeclaredGroup,
    many=True,
)
PLACE = Table(
    (
        Key("region", Text()),
        Key("zone", Text()),
        Key("latitude", Number(least=-90, most=90)),
        Key("longitude", Number(least=-180, most=180)),
    ),
    dict,
)
_TERMS = keys_of(
    MemberTerms,
    skip=frozenset({"trial", "ceiling_names", "image", "jobs"}),
    rename={"max_lifetime_s": "max_lifetime", "yield_s": "yield"},
    kinds={
        "name": NAME,
        "mode": ModeText(),
        "ceiling": Amounts(),
        "leave_free": Pairs(Quantity()),
        "requirements": EXPRESSION,
        "attributes": ATTRIBUTES,
        "budgets": BUDGETS,
        "max_lifetime_s": Duration(whole=True, least=60),
        "yield_s": Duration(whole=True),
        "watts_per_core": Number(least=0),
        "grams_co2_per_kwh": Number(least=0),
    },
)
_SHELL = keys_of(
    MemberFile,
    skip=frozenset({"terms", "path", "region", "zone", "latitude", "longitude"}),
    rename={"groups": "node_group"},
    kinds={
        "namespace": Text(pattern=r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", wanted="the name of a namespace"),
        "groups": GROUP,
        "egress": ListOf(_EGRESS),
        "overrides": OVERRIDES,
        "jobs": JOBS,
        "simulated": SIMULATED,
    },
)


def _build(**fields: Any) -> MemberFile:
    """The keys of a member's file, given to its terms or to itself."""
    if "mode" in fields:
        fields["mode"], fields["trial"] = fields["mode"]
    if "ceiling" in fields:
        fields["ceiling"], fields["ceiling_names"] = fields["ceiling"]
    overrides: Overrides = fields.get("overrides", Overrides())
    terms = {name: fields.pop(name) for name in MemberTerms.__struct_fields__ if name in fields and name != "jobs"}
    grow = [group.name for group in fields.get("groups", ()) if group.autoscaled]
    terms["autoscaled_groups"] = tuple(dict.fromkeys([*terms.get("autoscaled_groups", ()), *grow]))
    place = fields.pop("place", {})
    rules: JobRules = fields.get("jobs", JobRules())
    jobs = JobTerms(**{name: getattr(rules, name) for name in JobTerms.__struct_fields__})
    return MemberFile(MemberTerms(image=overrides.image, jobs=jobs, **terms), **fields, **place)


MEMBER = Table((*_TERMS, *_SHELL, Key("place", PLACE)), _build)


def load_member(file: Path) -> MemberFile:
    """One member's file. Raises ConfigError."""
    reading, read = read_file(file, MEMBER)
    member: MemberFile = msgspec.structs.replace(read, path=file)
    _check(reading, member)
    reading.finish()
    return member


def load_members(federation: Federation) -> tuple[MemberFile, ...]:
    """All members, by name; a missing folder has none. Raises ConfigError with the problems of all files together."""
    problems: list[Problem] = []
    members: list[MemberFile] = []
    for file in sorted(federation.clusters.glob("*.toml")):
        try:
            members.append(load_member(file))
        except ConfigError as error:
            problems += error.problems
    problems += _together(federation, members)
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(members)


def _check(reading: Reading, member: MemberFile) -> None:
    if member.name != member.path.stem:
        reading.wrong(("name",), f'expected "{member.path.stem}", the name of the file')
    if member.credential.is_absolute() or ".." in member.credential.parts:
        reading.wrong(("credential",), "expected a path inside the federation's credentials folder")
    seen: set[str] = set()
    for place, group in enumerate(member.groups):
        if group.name in seen:
            reading.wrong(("node_group", place, "name"), f'a second node group "{group.name}"')
        seen.add(group.name)
        if member.terms.visibility == "namespace" and group.allocatable == Resources():
            reading.wrong(("node_group", place, "allocatable"), "is missing; visibility = namespace cannot see nodes")
    if member.terms.visibility == "namespace" and not member.groups:
        reading.wrong(("node_group",), "is missing; with visibility = namespace the file declares the node groups")
    if member.simulated is not None:
        judge(reading, member.simulated)


def _together(federation: Federation, members: list[MemberFile]) -> list[Problem]:
    """What is wrong only when files are seen together: pools that do not exist, one namespace joined twice."""
    pools = {pool.name for pool in federation.pools}
    problems: list[Problem] = []
    places: dict[tuple[str, str], str] = {}
    for member in members:
        unknown = sorted(set(member.terms.pools) - pools)
        problems += [Problem(member.path, 0, "pools", f'no pool "{name}" in fedsched.toml') for name in unknown]
        place = (member.server.rstrip("/"), member.namespace)
        if member.server and place in places:
            text = f'the same server and namespace as member "{places[place]}": one cluster would count twice'
            problems.append(Problem(member.path, 0, "server", text))
        places.setdefault(place, member.name)
    return problems
