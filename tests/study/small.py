"""A small contended scenario in which policies differ: a free member, a dear one, and two groups that want both."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fedsched.config import load_policy
from fedsched.log import configure
from fedsched.matchmaker.model import MemberTerms, Policy, Principal
from fedsched.sim.scenario import Batch, Scenario, SimMember, SimNodeGroup
from fedsched.study.compare import Setting, play
from fedsched.study.invariants import Checker
from fedsched.study.result import Result
from tests.matchmaker.builders import res

SHIPPED = Path(__file__).parents[2] / "policies"
ANN, EVE = Principal("physics", "ann@site"), Principal("biology", "eve@site")


def member(name: str, nodes: int, price: float = 0.0) -> SimMember:
    terms = MemberTerms(name, mode="on", image="worker", price_per_core_hour=price)
    return SimMember(terms, (SimNodeGroup("std", nodes, res(8, 32, 100, pods=110)),), pull_s=20.0)


def setting() -> Setting:
    jobs = (
        Batch(0.0, "ce.physics.example", ANN, 60, res(1, 2), 900.0, over_s=120.0, length_s=1200),
        Batch(300.0, "ce.biology.example", EVE, 30, res(2, 4), 600.0, length_s=900),
    )
    scenario = Scenario((member("campus", 2), member("cloud", 3, 0.5)), jobs)
    return Setting("small", "Two groups & one <cloud>", scenario, 1, 30.0, 2 * 3600.0, guard=Checker)


def policy(name: str) -> Policy:
    return load_policy(name, SHIPPED)


@cache
def played(name: str) -> Result:
    """The scenario under a shipped policy; once for all tests, as nobody changes a result."""
    configure(level="error")
    return play(setting(), policy(name), lambda _run: None)
