"""The tables of scenario.toml and expect.toml: every key, with the bounds that its type alone does not tell."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.config.derive import Build, keys_of, table_of
from fedsched.config.federation import NAME
from fedsched.config.gate import EXPRESSION
from fedsched.config.kinds import Duration, Kind, ListOf, Number, Pairs, Schema, Text
from fedsched.config.problems import WrongError, shown
from fedsched.config.schema import schema_of
from fedsched.config.simulated import ATTRIBUTES
from fedsched.config.tables import Table
from fedsched.sim.expect import Expected, Range
from fedsched.sim.workload.jobs import MOST_JOBS
from fedsched.sim.workload.queued import Queued
from fedsched.sim.workload.terms import (
    Conference,
    Mornings,
    Once,
    Reconstruction,
    Steady,
    Trace,
    Training,
    Workload,
)

YEAR_S = 366 * 86_400.0


class Absence(msgspec.Struct, frozen=True):
    """What does not answer, or is not there, from `begin_s` to `end_s`. schedd: its name, "" for our own network."""

    begin_s: float
    end_s: float
    schedd: str = ""


class ScenarioFile(msgspec.Struct, frozen=True, kw_only=True):
    """scenario.toml. begins_at: its first moment. until_s: how much is simulated unless `--until` says otherwise.

    ends_s: where the scenario itself ends. negotiator_s, poll_s: how often the negotiator runs, how often a schedd is
    asked. lease_s: how long a job hangs on to a lost startd. ad_s: how long the collector knows a name without news.
    silent, gone: schedds that do not answer for a while; that are not there. silent_hub: no member answers.
    """

    title: str
    begins_at: float
    ends_s: float
    until_s: float | None = None
    seed: int = 1
    negotiator_s: float = 20.0
    poll_s: float = 5.0
    lease_s: float = 1200.0
    ad_s: float = 900.0
    silent: tuple[Absence, ...] = ()
    gone: tuple[Absence, ...] = ()
    silent_hub: tuple[Absence, ...] = ()
    workload: Workload


class Ends(msgspec.Struct, frozen=True):
    """A range: a table with `least`, `most` or both."""

    def read(self, value: Any) -> Range:
        """The range."""
        if not isinstance(value, dict) or not value:
            raise WrongError(f"expected {{ least = …, most = … }} or one of them, not {shown(value)}")
        if unknown := sorted(set(value) - {"least", "most"}):
            raise WrongError("unknown key; known here: least, most", (unknown[0],))
        ends = {}
        for name, end in value.items():
            try:
                ends[name] = Number(least=-1e15, most=1e15).read(end)
            except WrongError as wrong:
                raise WrongError(str(wrong), (name,)) from None
        if ends.get("least", -1e15) > ends.get("most", 1e15):
            raise WrongError(f"least ({ends['least']:g}) is above most ({ends['most']:g})", ("least",))
        return Range(**ends)

    def schema(self) -> Schema:
        """An object with one or two numbers."""
        number = {"type": "number"}
        ends = {"least": number, "most": number}
        return {"type": "object", "properties": ends, "minProperties": 1, "additionalProperties": False}


_WORD = r"[A-Za-z0-9_@-][A-Za-z0-9_.@-]{0,199}"
_COUNT = Number(least=1, most=MOST_JOBS, whole=True)
_MANY = Number(least=1, most=MOST_JOBS)
_SPAN = Duration(least=1)
_SHARE = Number(most=1e6)
_SOURCE: dict[str, Kind | Table] = {
    "group": Text(pattern=r"|[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,15}", wanted="the dotted path of a group"),
    "users": ListOf(Text(pattern=_WORD, wanted='a user, such as "ann@physics.example"')),
    "schedd": Text(pattern=_WORD, wanted="the name of a schedd"),
    "runs_s": _SPAN,
    "spread": Number(most=5),
    "length_s": Duration(whole=True),
    "requirements": EXPRESSION,
    "attributes": ATTRIBUTES,
    "priority": Number(least=-1000, most=1000, whole=True),
    "jobs": _COUNT,
    "batch": _MANY,
    "at_s": Duration(),
    "lasts_s": _SPAN,
}


def _source(struct: type[msgspec.Struct], **kinds: Kind) -> Table:
    return table_of(struct, kinds={**_SOURCE, **kinds}, many=True)


TRACE = table_of(
    Trace,
    kinds={
        "load": Number(least=0.001, most=1000),
        "longest_s": Duration(least=60),
        "groups": Pairs(Number(least=0.001)),
        "domain": Text(pattern=_WORD, wanted="a domain"),
        "schedd": Text(pattern=r"[A-Za-z0-9_.@{}-]{1,200}", wanted='the name of a schedd; "{group}" for the group'),
    },
    many=True,
)
WORKLOAD = table_of(
    Workload,
    kinds={
        "once": _source(Once),
        "steady": _source(Steady, per_hour=_SHARE),
        "conference": _source(Conference, rush=Number(least=-10, most=10)),
        "reconstruction": _source(
            Reconstruction, tasks=_COUNT, gap_s=_SPAN, per_min=Number(least=0.001, most=MOST_JOBS)
        ),
        "mornings": _source(
            Mornings, per_day=_SHARE, peak_hour=Number(most=24), width_h=Number(least=0.1, most=24), weekend=_SHARE
        ),
        "training": _source(
            Training,
            per_hour=_SHARE,
            search=_MANY,
            gpus=Pairs(_SHARE, key=Text(pattern=r"[1-9]\d{0,2}", wanted="a number of GPUs from 1 to 999")),
        ),
        "trace": TRACE,
        "queued": _source(
            Queued,
            queue=NAME,
            namespace=NAME,
            pods=Number(least=1, most=1000, whole=True),
            completions=Number(most=MOST_JOBS, whole=True),
            backoff_limit=Number(most=1000, whole=True),
            deadline_s=Duration(whole=True),
            **dict.fromkeys(("fails", "deletes", "suspends"), Number(most=1)),
        ),
    },
)


def _absence(skip: frozenset[str] = frozenset()) -> Table:
    return Table(keys_of(Absence, skip=skip, kinds={"schedd": _SOURCE["schedd"]}), Absence, many=True)


SCENARIO = Table(
    keys_of(
        ScenarioFile,
        kinds={
            "ends_s": Duration(least=60),
            "until_s": Duration(least=60),
            "seed": Number(whole=True),
            "negotiator_s": Duration(least=1),
            "poll_s": Duration(least=1),
            "silent": _absence(),
            "gone": _absence(),
            "silent_hub": _absence(frozenset({"schedd"})),
            "workload": WORKLOAD,
        },
    ),
    Build(ScenarioFile),
)
_RANGES = Pairs(Ends(), mapping=True)
EXPECT = table_of(Expected, kinds={"contended": _RANGES, "results": _RANGES})


def scenario_schemas() -> dict[str, Schema]:
    """JSON schemas for editors: "scenario" (scenario.toml) and "expect" (expect.toml)."""
    return {"scenario": schema_of("scenario", SCENARIO), "expect": schema_of("expect", EXPECT)}
