"""The negotiator's words and ours, without any daemon: hostile ads, mirrored policies, drift, printed configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.cli import main
from fedsched.condor.flock import flock_config
from fedsched.condor.negotiator_config import beyond, commands, configuration
from fedsched.condor.negotiator_query import MOST_GROUPS, MOST_SUBMITTERS, Settings, view_of
from fedsched.config.settings import PoolSettings
from fedsched.loop.lanes import key_of, lane_of
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.classad import quote
from fedsched.matchmaker.model import (
    ConcurrencyLimit,
    Group,
    GroupSeen,
    NegotiatorView,
    Policy,
    PoolTerms,
    PoolView,
    PrincipalTerms,
    SetSubmitter,
    SubmitterSeen,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.mirror import MOST_DRIFT, drift, drift_notices, driven, mirrored, terms_of
from tests.matchmaker import builders

if TYPE_CHECKING:
    from pathlib import Path

    from fedsched.matchmaker.model import Judge

CPU = frozenset({"cpu_milli"})


def cores(count: int) -> Resources:
    return Resources(cpu_milli=count * 1000)


def seen(*groups: GroupSeen, submitters: tuple[SubmitterSeen, ...] = (), at: float | None = 1.0) -> NegotiatorView:
    return NegotiatorView(seen_at=at, groups=groups, submitters=submitters)


def pools(judge: Judge = "mirror", **views: NegotiatorView) -> tuple[list[PoolView], list[PoolTerms]]:
    """Pools with these negotiators, all with one setting."""
    return [PoolView(n, negotiator=v) for n, v in views.items()], [PoolTerms(name, judge) for name in views]


def read(*ads: dict[str, str]) -> NegotiatorView:
    return view_of(ads, Settings(), lambda _: "", 5.0).view


def group_ad(name: str, quota: str, **more: str) -> dict[str, str]:
    return {"Name": quote(name), "IsAccountingGroup": "true", "ConfigQuota": quota, **more}


def submitter_ad(name: str, **more: str) -> dict[str, str]:
    return {"Name": quote(name), "IsAccountingGroup": "false", "PriorityFactor": "1000.0", **more}


# --- reading


@pytest.mark.parametrize(
    "quota", ["-5", "1E+300", "error", "undefined", "real(NaN)", '"ten"', "1e99", "", "12 || true"]
)
def test_a_quota_that_is_no_sensible_number_is_none(quota: str) -> None:
    assert read(group_ad("physics", quota)).groups == (GroupSeen("physics"),)


@pytest.mark.parametrize("factor", ["-1", "0", "error", "real(INF)", '"9"', "1E+30"])
def test_a_factor_that_is_no_sensible_number_is_the_default(factor: str) -> None:
    (one,) = read(submitter_ad("a@b", PriorityFactor=factor)).submitters
    assert one.factor == 1.0


@pytest.mark.parametrize("name", ["", "a\nGROUP_NAMES = x", "a b", "a\tb", 'a"b', "x" * 301, "<none>"])
def test_a_name_that_is_none_costs_only_its_own_ad(name: str) -> None:
    view = read(group_ad(name, "5"), group_ad("physics", "12"), submitter_ad(f"{name}@b" if name else ""))
    assert [group.path for group in view.groups] == ["physics"]


def test_more_groups_and_submitters_than_any_pool_has_are_cut_and_counted() -> None:
    ads = [group_ad(f"g{n}", "2") for n in range(MOST_GROUPS + 7)]
    ads += [submitter_ad(f"u{n}@b") for n in range(MOST_SUBMITTERS + 5)]
    answer = view_of(ads, Settings(), lambda _: "", 5.0)
    assert (len(answer.view.groups), len(answer.view.submitters)) == (MOST_GROUPS, MOST_SUBMITTERS)
    assert answer.passed_over == 12


def test_a_quota_of_one_is_a_core_or_the_whole_as_the_negotiator_says_or_as_it_came_out() -> None:
    ads = [group_ad("a", "1.0", SubtreeQuota="40.0"), group_ad("b", "1.0", SubtreeQuota="1.0")]
    assert [g.quota_fraction for g in view_of(ads, Settings(), lambda _: "", 1.0).view.groups] == [1.0, 0.0]
    settings = {"GROUP_QUOTA_a": "1", "GROUP_QUOTA_DYNAMIC_b": "1.0"}
    asked = view_of(ads, Settings(), lambda name: settings.get(name, ""), 1.0).view
    assert [(g.quota, g.quota_fraction) for g in asked.groups] == [(1.0, 0.0), (0.0, 1.0)]


def test_factors_are_relative_to_the_pools_default_and_usage_is_the_real_priority() -> None:
    ad = submitter_ad("a@b", PriorityFactor="30.0", Priority="60.0", Ceiling="-1", Floor="4", WeightedResourcesUsed="8")
    (one,) = view_of([ad], Settings(default_factor=10.0), lambda _: "", 1.0).view.submitters
    assert one == SubmitterSeen("a@b", 3.0, 4.0, 0.0, usage=2.0, held=8.0)


# --- mirroring


def test_what_a_negotiator_has_replaces_quota_and_surplus_and_leaves_what_no_negotiator_has() -> None:
    group = Group("Physics", 3.0, cores(5), CPU, limit=cores(50), limit_names=CPU, borrow=7.0, budget=100.0)
    policy = Policy("p", groups=(group, Group("own", weight=2.0)))
    view = seen(GroupSeen("physics", 12.0, accept_surplus=True), GroupSeen("bio", 0.0, 0.25))
    made = {g.path: g for g in mirrored(policy, *pools(a=view)).groups}
    assert made["Physics"] == msgspec.structs.replace(group, quota=cores(12), accept_surplus=True)
    assert made["own"] == Group("own", weight=2.0)
    assert made["bio"] == Group("bio", quota_fraction=0.25)


def test_a_submitters_own_terms_come_before_every_pattern_and_equal_ones_are_not_repeated() -> None:
    policy = Policy("p", principals=(PrincipalTerms("physics.*", 4.0),))
    view = seen(submitters=(SubmitterSeen("physics.a@b", 4.0), SubmitterSeen("physics.c[1]*@b", 2.0, 1.0, 6.0)))
    made = mirrored(policy, *pools(a=view))
    assert len(made.principals) == 2
    assert terms_of(made, "physics.a@b").factor == 4.0
    assert terms_of(made, "physics.c[1]*@b").ceiling == 6.0
    assert terms_of(made, "physics.c1x@b").factor == 4.0, "a name is no pattern"


@pytest.mark.parametrize("judge", ["drive", "ignore"])
def test_only_mirror_changes_the_policy(judge: Judge) -> None:
    policy = Policy("p", groups=(Group("physics"),))
    view = seen(GroupSeen("physics", 12.0), submitters=(SubmitterSeen("physics.a@b", 9.0),))
    assert mirrored(policy, *pools(judge, a=view)) is policy


def test_a_negotiator_that_never_answered_changes_nothing_and_has_no_drift() -> None:
    policy = Policy("p", groups=(Group("physics"),))
    for view in (None, seen(GroupSeen("physics", 3.0), at=None)):
        views, terms = [PoolView("a", negotiator=view)], [PoolTerms("a", "mirror")]
        assert mirrored(policy, views, terms) is policy
        assert drift(policy, views, terms) == ()


def test_of_two_pools_the_first_by_name_counts_whatever_the_order_of_observation() -> None:
    one, two = seen(GroupSeen("physics", 12.0)), seen(GroupSeen("physics", 3.0))
    forward = mirrored(Policy("p"), *pools(a=one, b=two))
    assert forward == mirrored(Policy("p"), *pools(b=two, a=one))
    assert forward.groups[0].quota == cores(12)


# --- drift and drive


def test_drift_names_group_factor_floor_and_ceiling_with_both_values() -> None:
    policy = Policy(
        "p",
        groups=(Group("physics", quota=cores(10), quota_names=CPU), Group("bio", quota_fraction=0.5)),
        principals=(PrincipalTerms("physics.a@b", 2.0, 3.0, 4.5),),
    )
    view = seen(GroupSeen("PHYSICS", 12.0), GroupSeen("extra", 1.0), submitters=(SubmitterSeen("physics.a@b"),))
    told = {d.what: (d.wanted, d.have) for d in drift(policy, *pools(a=view))}
    assert told == {
        "group bio": ("50.0% of its parent, no surplus", "no such group"),
        "group physics": ("10 cores, no surplus", "12 cores, no surplus"),
        "factor of physics.a@b": ("2", "1"),
        "floor of physics.a@b": ("3", "0"),
        "ceiling of physics.a@b": ("4", "0"),
    }
    driving = {d.what for d in drift(policy, *pools("drive", a=view))}
    assert driving == {*told, "group extra"}


def test_drift_is_told_when_it_changes_and_when_it_ends() -> None:
    policy = Policy("p", principals=(PrincipalTerms("*", 2.0),))
    differs = drift(policy, *pools(a=seen(submitters=(SubmitterSeen("x@b"),))))
    (first,) = drift_notices((), differs)
    assert "factor of x@b: wanted 2, is 1" in first.text
    assert drift_notices(differs, differs) == ()
    (last,) = drift_notices(differs, ())
    assert "agrees" in last.text


def test_a_pool_that_differs_in_everything_is_told_in_bounded_words() -> None:
    many = tuple(SubmitterSeen(f"u{n}@b", 7.0) for n in range(MOST_DRIFT * 3))
    differs = drift(Policy("p", principals=(PrincipalTerms("*", 2.0),)), *pools(a=seen(submitters=many)))
    assert len(differs) == MOST_DRIFT + 1
    assert differs[-1].have == str(MOST_DRIFT * 2)


def test_a_ceiling_is_driven_in_whole_slots_and_is_not_taken_away() -> None:
    policy = Policy("p", principals=(PrincipalTerms("a@b", ceiling=4.7), PrincipalTerms("c@b", ceiling=0.0)))
    view = seen(submitters=(SubmitterSeen("a@b", ceiling=4.0), SubmitterSeen("c@b", ceiling=9.0)))
    assert driven(policy, *pools("drive", a=view)) == ()
    assert [d.what for d in drift(policy, *pools("drive", a=view))] == ["ceiling of c@b"]


def test_what_is_driven_becomes_changes_in_a_lane_of_its_own_and_one_wish_per_submitter() -> None:
    policy = Policy("p", principals=(PrincipalTerms("*", 2.0),))
    view = seen(submitters=(SubmitterSeen("x@b"), SubmitterSeen("y@b", 2.0)))
    made = builders.snapshot(pools=(PoolView("a", seen_at=builders.T0, negotiator=view),))
    made = msgspec.structs.replace(made, pools=(PoolTerms("a", "drive"),))
    plan = negotiate(made, policy)
    (told,) = (change for change in changes(made.observation, plan) if isinstance(change, SetSubmitter))
    assert told == SetSubmitter("a", "x@b", 2.0)
    assert lane_of(told) == "pool:a/negotiator"
    assert key_of(told) == key_of(msgspec.structs.replace(told, factor=3.0))
    assert key_of(told) != key_of(msgspec.structs.replace(told, name="z@b"))
    assert [d.what for d in plan.drift] == ["factor of x@b"]
    assert [n.kind for n in plan.notices if n.kind == "negotiator-drift"] == ["negotiator-drift"]
    again = negotiate(msgspec.structs.replace(made, memory=plan.memory), policy)
    assert "negotiator-drift" not in {n.kind for n in again.notices}, "told once"


def test_a_pool_that_is_driven_gets_the_right_for_it_in_its_printed_texts() -> None:
    mirror = flock_config(PoolSettings("a", "cm:9618"), ["g"])
    drive = flock_config(PoolSettings("a", "cm:9618", negotiator="drive"), ["g"])
    assert "ADMINISTRATOR" not in mirror.target + " ".join(mirror.target_commands)
    assert "NEGOTIATOR.ALLOW_ADMINISTRATOR = $(ALLOW_ADMINISTRATOR) fedsched@$(TRUST_DOMAIN)" in drive.target
    (own,) = (command for command in drive.target_commands if '"fedsched@' in command)
    assert "-authz ADMINISTRATOR" in own


def test_a_submitter_that_the_policy_does_not_speak_of_is_left_as_the_pools_admin_set_it() -> None:
    policy = Policy("p", principals=(PrincipalTerms("physics.*", 2.0),))
    view = seen(submitters=(SubmitterSeen("bio.x@b", 7.0, ceiling=3.0), SubmitterSeen("physics.y@b")))
    assert driven(policy, *pools("drive", a=view)) == (SetSubmitter("a", "physics.y@b", 2.0),)
    assert [d.what for d in drift(policy, *pools("drive", a=view))] == ["factor of physics.y@b"]


# --- configuration


def test_groups_quotas_factors_and_limits_become_their_own_lines() -> None:
    policy = Policy(
        "p",
        groups=(
            Group("physics", quota=cores(12), quota_names=CPU, accept_surplus=True),
            Group("physics.hep", quota_fraction=0.5),
            Group("bio", weight=3.0),
            Group("chem", weight=1.0),
        ),
        principals=(PrincipalTerms("bio.*", 2.0), PrincipalTerms("physics.a@b", 3.0, 1.0, 4.0)),
        limits=(ConcurrencyLimit("disk", 12),),
    )
    lines = configuration(policy).splitlines()
    for line in (
        "GROUP_NAMES = bio, chem, physics, physics.hep",
        "GROUP_QUOTA_physics = 12",
        "GROUP_ACCEPT_SURPLUS_physics = True",
        "GROUP_QUOTA_DYNAMIC_physics.hep = 0.5",
        "GROUP_ACCEPT_SURPLUS_physics.hep = False",
        "GROUP_QUOTA_DYNAMIC_bio = 0.75",
        "GROUP_QUOTA_DYNAMIC_chem = 0.25",
        "GROUP_ACCEPT_SURPLUS_chem = True",
        "GROUP_PRIO_FACTOR_bio = 2000",
        "DISK_LIMIT = 12",
    ):
        assert line in lines
    assert commands(policy) == (
        "condor_userprio -setfactor physics.a@b 3000",
        "condor_userprio -setfloor physics.a@b 1",
        "condor_userprio -setceiling physics.a@b 4",
    )


def test_what_no_negotiator_can_be_told_is_said() -> None:
    both = frozenset({"cpu_milli", "gpus"})
    policy = Policy(
        "p",
        groups=(
            Group("a", quota=Resources(1000, gpus=2), quota_names=both, limit=cores(5), limit_names=CPU, borrow=3.0),
        ),
        principals=(PrincipalTerms("*@guests", 2.0, ceiling=3.0),),
    )
    said = " | ".join(beyond(policy))
    for word in ("gpus", "limit of a", "lend and borrow of a", "ceiling of the pattern *@guests", "dominant shares"):
        assert word in said
    assert all(
        line.startswith("# not in HTCondor: ") for line in configuration(policy).splitlines() if "limit of" in line
    )


@pytest.mark.parametrize("bad", ["a\nALLOW_ADMINISTRATOR = *", "a b", "$(SPOOL)", "a;rm", "", "a..b", "x`id`"])
def test_nothing_in_a_policy_becomes_another_line_or_command(bad: str) -> None:
    policy = Policy(
        bad,
        groups=(Group(bad, quota_fraction=0.5),),
        principals=(
            PrincipalTerms(bad, 2.0, 1.0, 3.0),
            PrincipalTerms(f"{bad}.*", 2.0),
            PrincipalTerms(f"{bad}@b", 2.0),
        ),
        limits=(ConcurrencyLimit(bad, 3),),
    )
    lines = [line for line in configuration(policy).splitlines() if not line.startswith("#")]
    assert {line.split(" = ")[0] for line in lines} <= {
        "PRIORITY_HALFLIFE",
        "GROUP_NAMES",
        "GROUP_ACCEPT_SURPLUS",
        "NEGOTIATOR_ALLOW_QUOTA_OVERSUBSCRIPTION",
        *({f"GROUP_PRIO_FACTOR_{bad}"} if bad == "a..b" else set()),
    }
    assert not [c for c in commands(policy) if any(sign in c for sign in "\n;`$ " if sign != " ")]


def test_the_verb_prints_a_file_for_people_and_json_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fedsched.toml"
    file.write_text('id = "t"\n[[pool]]\nname = "a"\ncollector = "cm:9618"\nnegotiator = "drive"\n')
    with pytest.raises(SystemExit) as ended:
        main(["negotiator-config", "--config", str(file)])
    assert not ended.value.code
    said = capsys.readouterr()
    assert "GROUP_ACCEPT_SURPLUS = False" in said.out
    assert all(line.startswith("#") or " = " in line for line in said.out.splitlines())
    assert 'negotiator = "drive"' in said.err
    with pytest.raises(SystemExit):
        main(["negotiator-config", "a", "--config", str(file), "-o", "json"])
    assert json.loads(capsys.readouterr().out)["config"]["pool"] == "a"
    with pytest.raises(SystemExit) as ended:
        main(["negotiator-config", "b", "--config", str(file)])
    assert ended.value.code == 2
