"""A real negotiator as second judge (FS8): read, told, refused, left alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.condor.negotiator import NegotiatorPoller
from fedsched.condor.negotiator_config import commands, configuration
from fedsched.federation.pool_link import PoolLink
from fedsched.matchmaker.model import (
    Group,
    GroupSeen,
    Notice,
    Policy,
    PoolTerms,
    PoolView,
    PrincipalTerms,
    SetSubmitter,
    Sharing,
    SubmitterSeen,
)
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.mirror import drift, drift_notices, driven, mirrored
from tests.condor.against_negotiator import Scenario, Work
from tests.condor.our_side import DOMAIN, POOL, ours
from tests.condor.pools import federation, settings, until
from tests.matchmaker.builders import T0

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fedsched.config.settings import PoolSettings
    from fedsched.matchmaker.model import Judge, NegotiatorView
    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor
GROUPS = """\
GROUP_NAMES = physics, physics.hep, bio, all, one
GROUP_QUOTA_physics = 12
GROUP_QUOTA_DYNAMIC_physics.hep = 0.25
GROUP_ACCEPT_SURPLUS_physics.hep = True
GROUP_QUOTA_DYNAMIC_bio = 0.5
GROUP_QUOTA_DYNAMIC_all = 1
GROUP_QUOTA_one = 1
GROUP_PRIO_FACTOR_bio = 3000
PRIORITY_HALFLIFE = 7200
NEGOTIATOR_INTERVAL = 1
"""
ALICE = "physics.hep.alice@b"


@pytest.fixture(scope="module")
def judge(lab: Laboratory) -> Iterator[Pool]:
    """A pool whose negotiator knows groups, and one submitter; fedsched has rights there if its token carries them."""
    daemons = ("COLLECTOR", "NEGOTIATOR")
    pool = lab.pool("judge", daemons=daemons, rights_for="fedsched@pool-judge", config=GROUPS)
    pool.run("condor_userprio", "-setfactor", ALICE, "4000")
    pool.run("condor_userprio", "-setprio", ALICE, "7")
    pool.run("condor_userprio", "-setfloor", ALICE, "2")
    pool.run("condor_userprio", "-setceiling", ALICE, "9")
    yield pool
    pool.stop()


def with_token(pool: Pool, folder: Path, judge: Judge, *rights: str) -> PoolSettings:
    """Settings with a token of just these rights."""
    made = settings(pool, folder)
    assert made.token_file is not None
    made.token_file.write_text(pool.token(f"fedsched@{pool.trust_domain}", authz=rights))
    return msgspec.structs.replace(made, negotiator=judge)


@pytest.fixture
def poller(judge: Pool, tmp_path: Path) -> Iterator[Callable[..., NegotiatorPoller]]:
    """Pollers of the pool with a given setting and rights."""
    made: list[NegotiatorPoller] = []

    def make(how: Judge, *rights: str) -> NegotiatorPoller:
        pool = with_token(judge, tmp_path, how, *rights)
        made.append(NegotiatorPoller(federation(pool, negotiator_s=0.3), pool))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def seen(poller: NegotiatorPoller) -> NegotiatorView:
    """One complete answer."""
    view = poller.poll_once()
    assert view is not None
    assert not view.error
    assert view.seen_at is not None
    assert time.time() - view.seen_at < 30
    return view


def observed(view: NegotiatorView | None, how: Judge) -> tuple[list[PoolView], list[PoolTerms]]:
    """As a snapshot holds it."""
    return [PoolView("judge", negotiator=view)], [PoolTerms("judge", how)]


def test_groups_quotas_factors_and_half_life_are_read_at_read_level(poller: Callable[..., NegotiatorPoller]) -> None:
    """A quota of one core and a quota of all of the parent are told apart, though both stand there as 1."""
    view = seen(poller("mirror", "READ"))
    assert view.groups == (
        GroupSeen("all", 0.0, 1.0),
        GroupSeen("bio", 0.0, 0.5),
        GroupSeen("one", 1.0),
        GroupSeen("physics", 12.0),
        GroupSeen("physics.hep", 0.0, 0.25, accept_surplus=True),
    )
    (alice,) = (one for one in view.submitters if one.name == ALICE)
    assert alice.usage == pytest.approx(7.0, rel=0.01)
    assert alice == SubmitterSeen(ALICE, 4.0, 2.0, 9.0, alice.usage)
    assert view.half_life_s == 7200


def test_a_factor_that_changes_at_the_negotiator_changes_the_plan(judge: Pool, tmp_path: Path) -> None:
    """As the daemon reads it: by the pool's link; two users of equal terms, until the pool's admin says otherwise."""
    two = Scenario("two equal users", (Work("u"), Work("v")))
    names = {user: str(two.submitter(user, DOMAIN)) for user in ("u", "v")}
    made = with_token(judge, tmp_path, "mirror", "READ")
    link = PoolLink(made, federation(made, negotiator_s=0.3), lambda: None)
    link.start()

    def planned() -> dict[str, int]:
        view = link.latest()
        if view.negotiator is None or not {one.name for one in view.negotiator.submitters} >= set(names.values()):
            return {}
        return ours(two, PoolView(POOL, seen_at=T0, negotiator=view.negotiator), PoolTerms(POOL, "mirror"))

    try:
        for name in names.values():
            judge.run("condor_userprio", "-setfactor", name, "1000")
        until("equal parts", lambda: planned() == {"u": 21, "v": 21})
        judge.run("condor_userprio", "-setfactor", names["v"], "2000")
        until("two parts to one", lambda: planned() == {"u": 28, "v": 14})
    finally:
        for name in names.values():
            judge.run("condor_userprio", "-delete", name)
        link.stop()


def test_a_negotiator_that_is_driven_is_told_and_read_back(
    judge: Pool, poller: Callable[..., NegotiatorPoller]
) -> None:
    driving = poller("drive", "READ", "ADMINISTRATOR")
    policy = Policy("p", principals=(PrincipalTerms("physics.*", 2.0, 0.0, 6.0),))
    try:
        changes = driven(policy, *observed(seen(driving), "drive"))
        assert changes == (SetSubmitter("judge", ALICE, 2.0, 6.0),)
        outcome = driving.tell(changes[0], 1.0)
        assert (outcome.result, outcome.what) == ("done", "")
        assert not driven(policy, *observed(driving.latest(), "drive"))
        after = seen(driving)
        assert not driven(policy, *observed(after, "drive"))
        (alice,) = (one for one in after.submitters if one.name == ALICE)
        assert (alice.factor, alice.ceiling) == (2.0, 6.0)
        left = {d.what: (d.wanted, d.have) for d in drift(policy, *observed(after, "drive"))}
        assert left[f"floor of {ALICE}"] == ("0", "2")
        assert left["group bio"] == ("no such group", "50.0% of its parent, no surplus")
    finally:
        judge.run("condor_userprio", "-setfactor", ALICE, "4000")
        judge.run("condor_userprio", "-setceiling", ALICE, "9")


def test_without_the_right_to_set_it_is_said_once_and_nothing_is_raised(
    poller: Callable[..., NegotiatorPoller],
) -> None:
    driving = poller("drive", "READ")
    policy = Policy("p", principals=(PrincipalTerms("physics.*", 2.0),))
    before = drift(policy, *observed(seen(driving), "drive"))
    outcome = driving.tell(SetSubmitter("judge", ALICE, 2.0), 1.0)
    assert outcome.result == "retry"
    assert outcome.retry_after_s >= 60
    assert "ADMINISTRATOR" in outcome.what
    assert "fedsched negotiator-config judge" in outcome.what
    after = drift(policy, *observed(seen(driving), "drive"))
    assert after[0].what == "right to set factors and ceilings"
    (told,) = drift_notices(before, after)
    assert isinstance(told, Notice)
    assert "ADMINISTRATOR" in told.text
    assert not drift_notices(after, after)
    (alice,) = (one for one in seen(driving).submitters if one.name == ALICE)
    assert alice.factor == 4.0


def test_a_negotiator_that_is_ignored_is_neither_read_nor_told(poller: Callable[..., NegotiatorPoller]) -> None:
    ignoring = poller("ignore", "READ", "ADMINISTRATOR")
    ignoring.start()
    assert ignoring.poll_once() is None
    assert ignoring.latest() is None
    assert ignoring.tell(SetSubmitter("judge", ALICE, 2.0), 1.0).result == "gone"


def test_a_pool_without_a_negotiator_keeps_nothing_and_says_why(
    fresh_pool: Callable[..., Pool], tmp_path: Path
) -> None:
    pool = fresh_pool("mute", daemons=("COLLECTOR",), rights_for="fedsched@pool-mute")
    made = with_token(pool, tmp_path, "mirror", "READ")
    reading = NegotiatorPoller(federation(made), made)
    try:
        view = reading.poll_once()
        assert view is not None
        assert view.seen_at is None
        assert "lists no negotiator" in view.error
        policy = Policy("p", groups=(Group("physics"),))
        assert mirrored(policy, [PoolView("mute", negotiator=view)], [PoolTerms("mute")]) is policy
    finally:
        reading.stop()


def test_the_printed_configuration_is_read_back_as_the_policy(fresh_pool: Callable[..., Pool], tmp_path: Path) -> None:
    """What `negotiator-config` prints, put into config.d and run as root, leaves no drift."""
    cores = Resources(cpu_milli=10_000)
    groups = (
        Group("physics", quota=cores, quota_names=frozenset({"cpu_milli"}), accept_surplus=True),
        Group("physics.hep", quota_fraction=0.4),
        Group("bio", weight=3.0),
        Group("chem", weight=1.0),
    )
    principals = (PrincipalTerms("physics.alice@b", 2.5, 1.0, 7.0), PrincipalTerms("bio.*", 4.0))
    policy = Policy("p", groups=groups, principals=principals, sharing=Sharing(half_life_s=600, slot_weight="Cpus"))
    pool = fresh_pool("told", daemons=("COLLECTOR", "NEGOTIATOR"), config=configuration(policy))
    for command in (*commands(policy), "condor_userprio -setprio bio.bob@b 3"):
        pool.run(*command.split())
    made = with_token(pool, tmp_path, "drive", "READ")
    reading = NegotiatorPoller(federation(made), made)
    try:
        view = seen(reading)
        assert {one.name: one.factor for one in view.submitters}["bio.bob@b"] == 4.0
        assert view.half_life_s == 600
        assert drift(policy, [PoolView("told", negotiator=view)], [PoolTerms("told", "drive")]) == ()
    finally:
        reading.stop()
