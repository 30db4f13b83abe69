"""MA1, MA3, MA4, MA5: one table per round answers as the library answers on each whole pair, and judges little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import classad
from fedsched.matchmaker.match import Known, Meeting, Place, held_back, job_ad, judge, nevers, number, size_for, slot_ad
from fedsched.matchmaker.match.never import everything
from fedsched.matchmaker.model import (
    ContainerLimits,
    DemandClass,
    MemberMemory,
    Order,
    PairMemory,
    Policy,
    Principal,
    Startds,
)
from fedsched.matchmaker.options import Asked, Choosing, Option, Table
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources, fits
from tests.matchmaker.builders import SEEN, T0, demand, group, member, res, terms


def place(name: str = "m1", grp: str = "g", *, learnt: bool = True, **more: Any) -> Place:
    its_terms = terms(name, **more.pop("terms", {}))
    node_group = group(grp, **more.pop("group", {}))
    return Place(
        its_terms, member(name, node_group, **more), node_group, MemberMemory(), SEEN if learnt else PairMemory()
    )


def table(*places: Place, rank: str = "", orders: tuple[Order, ...] = (), pack: int = 0, at: float = T0) -> Table:
    policy = Policy(rank=rank, startds=Startds(pack_cpu_milli=pack))
    return Table(sorted(places, key=lambda p: (p.terms.name, p.group.name)), Choosing(policy, orders, at))


def where(found: Any) -> list[str]:
    return [f"{o.place.terms.name}/{o.place.group.name}" for o in found]


CLAUSES = (
    'TARGET.Arch == "X86_64"',
    "TARGET.Memory >= RequestMemory",
    "Big",
    "TARGET.Deep",
    "TARGET.Site == MY.Want",
    "Site =!= undefined",
    "time() > 1799999999",
    f"CurrentTime > {int(T0) + 5}",
    'stringListMember(TARGET.Site, "a,b")',
    "countMatches(MY.RequireGPUs, TARGET.AvailableGPUs) >= RequestGPUs",
    'regexp("^m[12]$", FedschedMember)',
    "(Cpus > 2 || TARGET.HasVM)",
    "Loop",
)
JOB = (
    ("Big", "TARGET.Memory >= 3000"),
    ("Want", '"b"'),
    ("RequireGPUs", "Capability > 6"),
    ("Loop", "TARGET.Pool"),
)
SLOT = (
    ("Site", '"a"'),
    ("Site", '"b"'),
    ("Deep", "Deeper"),
    ("Deeper", "RequestMemory > 2048"),
    ("GPUs_Capability", "7.5"),
    ("GPUs_Capability", "5"),
    ("Pool", "MY.Site"),
    ("Arch", '"aarch64"'),
)
MEMBER = ("", "TARGET.RequestMemory < 4096", 'TARGET.Want =?= "b" || Deep', "Site == TARGET.Want")
classes = st.builds(
    lambda clauses, attributes, cpu, gib, gpus, who: demand(
        request=res(cpu, gib, gpus=gpus),
        requirements=" && ".join(clauses),
        attributes=tuple(sorted(attributes)),
        principal=Principal("physics", who),
    ),
    st.lists(st.sampled_from(CLAUSES), max_size=4),
    st.sets(st.sampled_from(JOB)),
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 2),
    st.sampled_from(("alice@b", "bob@b")),
)
places = st.lists(
    st.tuples(st.sets(st.sampled_from(SLOT)), st.sampled_from(MEMBER), st.integers(2, 16), st.booleans()),
    min_size=1,
    max_size=6,
)


def built(specs: list[tuple[set[tuple[str, str]], str, int, bool]], *, learnt: bool) -> list[Place]:
    return [
        place(
            f"m{i}",
            learnt=learnt,
            terms={"requirements": own},
            group={"attributes": tuple(sorted(attributes)), "free": res(cores, cores * 2, 100, 4 * gpus, 100)},
        )
        for i, (attributes, own, cores, gpus) in enumerate(specs)
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(classes, min_size=1, max_size=4), places)
def test_what_the_table_says_of_parts_is_what_the_library_says_of_whole_ads(
    wanted: list[DemandClass], specs: list[tuple[set[tuple[str, str]], str, int, bool]]
) -> None:
    """MA4: leaving out what is not read, and judging alike pairs once, changes no answer."""
    known = built(specs, learnt=True)
    answers = table(*known)
    for one in wanted:
        expected = set()
        for p in known:
            size, _ = size_for(one, p, "startd-job", Policy())
            ads = classad.Ad(job_ad(one)), classad.Ad(slot_ad(p, size))
            if fits(size + p.terms.pod_overhead, p.group.allocatable) and classad.symmetric(*ads, T0):
                expected.add(f"{p.terms.name}/g")
        assert set(where(answers.options(one))) == expected
        for p in known:
            size, _ = size_for(one, p, "startd-job", Policy())
            assert (answers.never(one, p) is None) == (f"{p.terms.name}/g" in expected)
            met = _whole(Meeting(job_ad(one), slot_ad(p, size), T0))
            assert answers.never(one, p) == next(nevers(one, p, size, met), None)


def _whole(met: Meeting) -> Callable[[], tuple[Meeting, Known]]:
    return lambda: (met, everything)


@settings(max_examples=60, deadline=None)
@given(classes, places, st.permutations(range(6)))
def test_options_come_in_the_same_order_however_places_were_observed(
    wanted: DemandClass, specs: list[tuple[set[tuple[str, str]], str, int, bool]], order: list[int]
) -> None:
    """MA5."""
    known = built(specs, learnt=False)
    mixed = [known[i] for i in order if i < len(known)]
    rules = Choosing(Policy(rank="Memory - RequestMemory + 10 * (Site == Want)"), (), T0)
    assert where(Table(mixed, rules).options(wanted)) == where(Table(known, rules).options(wanted))


def test_a_class_that_its_first_option_serves_does_not_pay_for_the_others() -> None:
    many = [
        place(f"m{i:03}", group={"attributes": (("Site", f'"lazy{i}"'),)}, terms={"price_per_core_hour": float(i)})
        for i in range(50)
    ]
    one = demand(requirements='TARGET.Site =!= "nowhere-lazy"')
    before = judge.cache_info().misses
    found = table(*many).options(one)
    assert where([found[0]]) == ["m000/g"]
    assert judge.cache_info().misses == before + 1
    assert len(found) == 50


def test_classes_that_differ_in_what_nobody_reads_are_judged_together() -> None:
    many = [place(f"m{i:03}", group={"attributes": (("Nobody", f'"reads-{i}"'),)}) for i in range(20)]
    answers = table(*many)
    before = judge.cache_info().misses
    for i in range(20):
        one = demand(f"k{i}", idle=i + 1, requirements='TARGET.Arch == "X86_64" && 4711 > 4710')
        one = msgspec.structs.replace(one, principal=Principal("physics", f"u{i}@b"))
        assert len(answers.options(one)) == 20
    assert judge.cache_info().misses <= before + 1


def test_rank_is_the_policys_then_the_classs_own_then_no_waste_then_the_name() -> None:
    """MA5."""
    near = place("near", terms={"attributes": (("Distance", "1"),)})
    far = place("far", terms={"attributes": (("Distance", "9"),)})
    gpu = place("a-gpu", group={"free": res(8, 32, 100, 4, 100)}, terms={"attributes": (("Distance", "1"),)})
    assert where(table(near, far, gpu).options(demand())) == ["far/g", "near/g", "a-gpu/g"]
    assert where(table(near, far, gpu, rank="-Distance").options(demand())) == ["near/g", "a-gpu/g", "far/g"]
    own = demand(rank='FedschedMember == "far"')
    assert where(table(near, far, gpu).options(own)) == ["far/g", "near/g", "a-gpu/g"]
    assert where(table(near, far, gpu, rank="-Distance").options(own)) == ["near/g", "a-gpu/g", "far/g"]
    by_gpu = demand(rank="TARGET.RequestCpus + Cpus + (GPUs_Capability ?: 0)")
    assert where(table(near, gpu).options(by_gpu)) == ["near/g", "a-gpu/g"]


def test_ranks_that_read_the_same_are_computed_once() -> None:
    many = [place(f"m{i:03}", terms={"price_per_core_hour": float(i % 3)}) for i in range(30)]
    answers = table(*many, rank="-FedschedPricePerCoreHour * 4711")
    before = number.cache_info().misses
    for i in range(10):
        assert where([answers.options(demand(f"k{i}", request=res(1 + i % 4)))[0]]) == ["m000/g"]
    assert number.cache_info().misses == before + 3


def test_an_expression_that_asks_for_the_time_is_judged_anew_in_each_round() -> None:
    one = demand(requirements=f"time() >= {int(T0) + 100}")
    assert where(table(place()).options(one)) == []
    assert where(table(place(), at=T0 + 100).options(one)) == ["m1/g"]


def test_never_is_not_said_where_only_a_real_slot_can_tell_but_is_where_another_clause_is_false_anyway() -> None:
    """D9, MA6: a probe is worth a pod only if its answer could change something."""
    unknown, wrong = "TARGET.HasCvmfsOasis == true", 'TARGET.Arch == "aarch64"'
    new = place(learnt=False)
    assert where(table(new).options(demand(requirements=unknown))) == ["m1/g"]
    assert where(table(new).options(demand(requirements=f"{unknown} && {wrong}"))) == []
    behind = demand(requirements="Needs", attributes=(("Needs", unknown),))
    assert where(table(new).options(behind)) == ["m1/g"]
    assert where(table(place()).options(demand(requirements=unknown))) == []


def test_packing_never_makes_a_startd_too_large_for_its_node() -> None:
    small, large = (
        place("small", group={"free": res(4, 32, 100, pods=50)}),
        place("large", group={"free": res(64, 256, 100, pods=50)}),
    )
    found = table(small, large, pack=16_000).options(demand(idle=100, request=res(1, 2)))
    # after each the one for a single job, where the larger one finds no room or passes a bound
    assert [(o.place.terms.name, o.units) for o in found] == [("large", 16), ("large", 1), ("small", 4), ("small", 1)]


def test_a_daemonset_is_not_used_where_an_autoscaler_works() -> None:
    both: dict[str, Any] = {"forms": ("startd-job", "startd-daemonset"), "daemonset_groups": ("g",)}
    fixed, growing = place("fixed", terms=both), place("growing", terms=both | {"autoscaled_groups": ("g",)})
    found = table(fixed, growing).options(demand())
    assert [(o.place.terms.name, o.form) for o in found] == [("fixed", "startd-daemonset"), ("growing", "startd-job")]


def test_template_groups_without_a_node_are_matched_like_live_ones() -> None:
    """S9."""
    future = place(
        group={"nodes": 0, "rooms": (), "template": True, "can_grow_to": 10, "attributes": (("Fast", "true"),)}
    )
    assert where(table(future).options(demand(requirements="TARGET.Fast"))) == ["m1/g"]
    assert where(table(future).options(demand(request=res(100)))) == []


@pytest.mark.parametrize(
    ("wanted", "site", "causes"),
    [
        ({"gate": "2,001 terms"}, {}, [Cause.EXPRESSION_REFUSED]),
        ({"request": res(100, 1)}, {}, [Cause.NODE_TOO_SMALL]),
        ({"request": res(100, 100)}, {}, [Cause.NODE_TOO_SMALL, Cause.NODE_TOO_SMALL]),
        ({"pool": "z"}, {"terms": {"pools": ("a",)}}, [Cause.FORM_REFUSED]),
        ({}, {"terms": {"forms": ("job",)}}, [Cause.FORM_REFUSED]),
        ({"pool": "z"}, {"terms": {"pools": ("a",), "forms": ()}}, [Cause.FORM_REFUSED, Cause.FORM_REFUSED]),
        ({}, {"terms": {"principals": ("bio.*",)}}, [Cause.PRINCIPAL_REFUSED]),
        ({"image": "x/y:1"}, {"terms": {"images": ("z/*",)}}, [Cause.IMAGE_REFUSED]),
        (
            {"requirements": "TARGET.Cpus > 5 && Memory > 1 && TARGET.Disk == 0"},
            {},
            [Cause.REQUIREMENTS, Cause.REQUIREMENTS],
        ),
        ({"requirements": "TARGET.Arch == 5"}, {"terms": {"requirements": "false"}}, [Cause.REQUIREMENTS] * 2),
        ({}, {"terms": {"requirements": "TARGET.RequestCpus > 5"}}, [Cause.REQUIREMENTS]),
        ({"requirements": "random() > 0"}, {}, [Cause.EXPRESSION_REFUSED]),
        (
            {"request": res(100), "requirements": "TARGET.Arch == 5"},
            {"terms": {"principals": ("bio.*",)}},
            [Cause.PRINCIPAL_REFUSED, Cause.NODE_TOO_SMALL, Cause.REQUIREMENTS],
        ),
    ],
)
def test_all_that_rules_a_class_out_is_told(wanted: dict[str, Any], site: dict[str, Any], causes: list[Cause]) -> None:
    """RE2: a person who changes what is named must not run into the next wall."""
    one, there = demand(**wanted), place(**site)
    answers = table(there)
    assert [reason.cause for reason in answers.nevers(one, there)] == causes
    assert where(answers.options(one)) == []
    verdict = answers.verdicts(one, Asked(lambda _: ()))[0]
    assert (verdict.verdict, verdict.blocker) == (Verdict.NEVER, answers.never(one, there))


def test_a_known_length_is_held_against_the_members_longest_startd_and_an_assumed_one_is_not() -> None:
    short = place(terms={"max_lifetime_s": 3600})
    length = demand().length
    long = demand(length=msgspec.structs.replace(length, seconds=7200, source="AllowedJobDuration"))
    assert [r.cause for r in table(short).nevers(long, short)] == [Cause.TOO_LONG]
    assert where(table(short).options(demand(length=msgspec.structs.replace(length, seconds=7200)))) == ["m1/g"]


def test_a_job_that_outlives_what_the_policy_lets_startds_live_gets_none() -> None:
    """A startd for it would go unclaimed, and its successors too."""
    length = msgspec.structs.replace(demand().length, seconds=7200, source="AllowedJobDuration")
    brief, shorter = (
        msgspec.structs.replace(one, startd_s=3600) for one in (place(), place(terms={"max_lifetime_s": 60}))
    )
    assert [r.source for r in table(brief).nevers(demand(length=length), brief)] == ["lifetime_s of the policy"]
    both = ["the member's file", "lifetime_s of the policy"]
    assert [r.source for r in table(shorter).nevers(demand(length=length), shorter)] == both
    joins = msgspec.structs.replace(place(), startd_s=7200, join_s=120)
    assert [r.have for r in table(joins).nevers(demand(length=length), joins)] == ["7080 s"]
    enough = msgspec.structs.replace(place(), startd_s=7200)
    assert where(table(enough).options(demand(length=length))) == ["m1/g"]


def test_a_limit_range_of_the_namespace_rules_out_what_it_would_refuse() -> None:
    """S4."""
    limit = ContainerLimits("caps", Resources(cpu_milli=500), frozenset({"cpu_milli"}), Resources(), frozenset())
    there = place(limits=(limit,))
    assert [r.cause for r in table(there).nevers(demand(), there)] == [Cause.ADMISSION_REFUSED]
    assert where(table(there).options(demand())) == []


def test_what_somebody_holds_back_is_neither_an_option_nor_never() -> None:
    """MA3, OW3."""
    one, there = demand(), place()
    answers = table(there, orders=(Order("cordon", "m1", "broken fan"), Order("deny", "physics.*", "mining")))
    assert where(answers.options(one)) == []
    verdict = answers.verdicts(one, Asked(lambda _: ()))[0]
    assert verdict.verdict is Verdict.CORDONED
    assert verdict.blocker
    assert verdict.blocker.cause is Cause.CORDONED
    assert [r.cause for r in held_back(one, there, answers.orders)] == [Cause.CORDONED, Cause.DENIED]
    other = demand("k2", principal=Principal("bio", "eve@b"))
    assert [r.cause for r in held_back(other, there, answers.orders)] == [Cause.CORDONED]


def test_a_denied_schedd_is_held_back_and_its_neighbour_with_alike_classes_is_not() -> None:
    answers = table(place(), orders=(Order("deny", "ce1", "mining"),))
    assert where(answers.options(demand(schedd="ce1"))) == []
    assert where(answers.options(demand(schedd="ce2"))) == ["m1/g"]


def test_a_member_answers_with_the_best_of_its_groups() -> None:
    """E1."""
    full, free, tiny = place("m1", "full"), place("m1", "free"), place("m1", "tiny", group={"free": res(0.1, 0.1)})
    busy = Reason(Cause.NO_ROOM)

    def blockers(option: Option) -> tuple[Reason, ...]:
        return (busy,) if option.place.group.name == "full" else ()

    def said(*sites: Place) -> tuple[Verdict, Reason | None, str]:
        answer = table(*sites).verdicts(demand(), Asked(blockers))[0]
        return answer.verdict, answer.blocker, answer.node_group

    assert said(full, free, tiny) == (Verdict.NOW, None, "free")
    assert said(full, tiny) == (Verdict.NOT_NOW, busy, "full")
    assert said(tiny)[0] is Verdict.NEVER


def test_of_what_never_fits_the_nearest_group_is_told() -> None:
    hopeless = place("m1", "a", group={"free": res(0.1, 0.1)}, terms={"requirements": "TARGET.Nice"})
    close = place("m1", "b", terms={"requirements": "TARGET.Nice"})
    answer = table(hopeless, close).verdicts(demand(), Asked(lambda _: ()))[0]
    assert answer.node_group == "b"
