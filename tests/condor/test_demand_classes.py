"""Rows of a grouped queue as demand classes (D7, MA7): exact counts, requests rounded up, floors said."""

from __future__ import annotations

import random
import time

import msgspec
import pytest

from fedsched.condor.classes import demand_classes, first_id
from fedsched.condor.lengths import STEPS, job_length
from fedsched.condor.principals import Origin
from fedsched.condor.questions import Terms
from fedsched.condor.rows import Row
from fedsched.config.settings import PrincipalRule
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.resources import Resources

ORIGIN = Origin("b.lab", "schedd-b@pool-a", "a")
TERMS = Terms(lengths=("AllowedJobDuration", "MaxWallTimeMins"), machine_resources={"Fpga": "xilinx.com/fpga"})
JOB = {
    "User": '"alice@pool-b"',
    "Owner": '"alice"',
    "JobPrio": "0",
    "RequestCpus": "2",
    "RequestMemory": "512",
    "RequestDisk": "2097152",
    "Requirements": "TARGET.Memory >= RequestMemory",
    "Rank": "0.0",
}


def row(
    jobs: int = 1, ids: str = "1.0", announced: int = 0, attributes: dict[str, str] | None = None, **more: str
) -> Row:
    return Row(jobs, ids, {**JOB, **(attributes or {}), **more}, announced)


def classes(*rows: Row, terms: Terms = TERMS) -> tuple[DemandClass, ...]:
    return demand_classes(rows, ORIGIN, terms, 1000.0)


def only(*rows: Row) -> DemandClass:
    (one,) = classes(*rows)
    return one


def test_a_class_says_whether_its_jobs_name_the_group_that_they_are_charged_to() -> None:
    rule = PrincipalRule(schedd="schedd-b@*", groups=("physics",), default="physics")
    terms = msgspec.structs.replace(TERMS, principals=(rule,))
    (named,) = classes(row(AcctGroup='"physics"', AcctGroupUser='"alice"'), terms=terms)
    (given,) = classes(row(), terms=terms)
    (other,) = classes(row(AcctGroup='"biology"', AcctGroupUser='"alice"'), terms=terms)
    assert {one.principal.group for one in (named, given, other)} == {"physics"}
    assert [one.ungrouped for one in (named, given, other)] == [False, True, True]


def renaming(max_classes: int = 1000) -> Terms:
    rule = PrincipalRule(schedd="schedd-b@*", groups=("physics",), user_domain="lab.example")
    return msgspec.structs.replace(TERMS, principals=(rule,), max_classes=max_classes)


def test_a_class_carries_the_user_that_its_schedd_knows_only_where_the_principal_has_another_name() -> None:
    production = {"AcctGroup": '"physics"', "AcctGroupUser": '"production"'}
    (renamed,) = classes(row(), terms=renaming())
    assert (renamed.principal.user, renamed.user) == ("alice@lab.example", "alice@pool-b")
    (charged,) = classes(row(attributes=production), terms=renaming())
    assert (str(charged.principal), charged.user) == ("physics.production@lab.example", "alice@pool-b")
    assert not only(row()).user
    assert not classes(row(User='"alice@lab.example"'), terms=renaming())[0].user


def test_users_that_are_charged_as_one_principal_are_classes_of_their_own() -> None:
    both = [row(2, User='"alice@pool-b"'), row(3, "2.0", User='"alice@pool-c"'), row(4, "3.0", User='"alice@pool-b"')]
    found = classes(*both, terms=renaming())
    assert {one.principal.user for one in found} == {"alice@lab.example"}
    assert {one.user: one.idle for one in found} == {"alice@pool-b": 6, "alice@pool-c": 3}


@pytest.mark.parametrize("shapes", [1, 20])
def test_a_lump_is_of_one_user_or_of_nobody(shapes: int) -> None:
    two = [
        row(1, f"{n}.0", User=f'"alice@pool-{"bc"[n % 2]}"', Requirements=f"N == {n}", RequestCpus=str(1 + n % shapes))
        for n in range(20)
    ]
    found = classes(*two, terms=renaming(max_classes=10))
    assert sum(one.lumped or 1 for one in found) == 20
    lumps = [one for one in found if one.lumped]
    assert {one.user for one in lumps} == {"alice@pool-b", "alice@pool-c"}
    assert len({one.key for one in lumps}) == len(lumps)
    assert not any(one.gate for one in lumps)
    crowd = [row(1, f"{n}.0", User=f'"u{n}@pool-b"', AccountingGroup='"physics.production"') for n in range(20)]
    (rest,) = [one for one in classes(*crowd, terms=renaming(max_classes=10)) if one.lumped]
    assert rest.gate
    assert not rest.user


@pytest.mark.parametrize(
    "name", ['x\\" || True || \\"@b', "two words@b", "a\nb@b", "$(HOST)@b", "\N{GREEK SMALL LETTER ALPHA}@b", "u" * 254]
)
def test_a_user_whom_no_startd_could_be_told_is_not_placed_for(name: str) -> None:
    """MA4: a pod's settings take a word; whatever else a schedd calls its users gets no startd."""
    one = only(row(User=f'"{name}"'))
    assert one.gate == "User: only up to 253 letters, digits and ._@+:/=,- can stand in START"
    assert not one.user


def test_a_group_whom_no_startd_could_be_told_is_not_placed_for() -> None:
    terms = msgspec.structs.replace(TERMS, principals=(PrincipalRule(schedd="*", groups=("*",)),))
    (one,) = classes(row(AcctGroup='"group of physicists"', AcctGroupUser='"alice"'), terms=terms)
    assert one.gate.startswith("AccountingGroup: ")


def test_a_user_whose_name_is_mended_for_its_share_does_not_join_the_class_of_one_who_has_that_name() -> None:
    found = classes(row(5, User='"a b@c"'), row(3, "2.0", User='"a_b@c"'))
    assert {one.principal.user for one in found} == {"a_b@c"}
    assert {bool(one.gate): one.idle for one in found} == {True: 5, False: 3}


def test_requests_are_rounded_up_to_steps_and_never_down() -> None:
    one = only(row(RequestMemory="513", RequestDisk="2097153"))
    assert one.request == Resources(2000, 768, 3072, 0, 1)
    assert only(row()).request == Resources(2000, 512, 2048, 0, 1)
    assert not only(row()).floors


def test_a_request_expression_is_evaluated_in_the_jobs_own_ad_and_said() -> None:
    grown = "ifThenElse(MemoryUsage =!= undefined, MemoryUsage, ImageSize / 1024)"
    one = only(row(RequestMemory=grown, MemoryUsage="2 * 1000", ImageSize="1"))
    assert one.request.memory_mib == 2048
    assert one.floors == ("RequestMemory is an expression: 2000 MiB now, 2048 MiB taken",)
    assert only(row(RequestMemory="time() - 300")).request.memory_mib == 768


@pytest.mark.parametrize(
    ("name", "text", "taken", "why"),
    [
        ("RequestMemory", "1", Resources(2000, 256, 2048, 0, 1), "raised to 256 MiB"),
        ("RequestMemory", '"much"', Resources(2000, 256, 2048, 0, 1), "cannot be evaluated"),
        ("RequestMemory", "TARGET.Memory", Resources(2000, 256, 2048, 0, 1), "cannot be evaluated"),
        ("RequestMemory", "random(5)", Resources(2000, 256, 2048, 0, 1), "cannot be evaluated"),
        ("RequestCpus", "0", Resources(1000, 512, 2048, 0, 1), "raised to 1 cores"),
        ("RequestCpus", "-7", Resources(1000, 512, 2048, 0, 1), "is an expression"),
        ("RequestDisk", "1e300", Resources(2000, 512, 1 << 40, 0, 1), "is an expression"),
    ],
)
def test_an_odd_request_gets_a_floor_that_is_told(name: str, text: str, taken: Resources, why: str) -> None:
    one = only(row(attributes={name: text}))
    assert one.request == taken
    assert why in one.floors[0]


def test_a_missing_request_gets_the_floor() -> None:
    attributes = {name: text for name, text in JOB.items() if name != "RequestDisk"}
    assert only(Row(1, "1.0", attributes)).floors == ("RequestDisk is missing: 1024 MiB assumed",)


def test_gpus_and_custom_resources_are_asked_for_by_name() -> None:
    one = only(row(RequestGPUs="2", RequestFpga="1", RequestUnknown="4"))
    assert one.request == Resources(2000, 512, 2048, 2, 1, (("xilinx.com/fpga", 1),))


def test_jobs_alike_in_what_matters_are_one_class_with_a_histogram_of_priorities() -> None:
    one = only(
        row(3, "5.0 ... 5.2", JobPrio="10", RequestMemory="400"),
        row(4, "4.0 ... 4.3", JobPrio="-1", ImageSize="7"),
        row(2, "9.0 9.1", JobPrio="10"),
    )
    assert one.idle == 9
    assert one.priorities == ((10, 5), (-1, 4))
    assert one.examples == ("4.0", "4.3", "5.0", "5.2", "9.0")


def test_an_attribute_that_requirements_read_separates_classes_and_others_do_not() -> None:
    text = "TARGET.Site == MY.Wanted && Deep > 1"
    rows = [
        row(Requirements=text, Wanted=f'"{site}"', Deep="Base", Base="2", Noise=str(n)) for n, site in enumerate("aab")
    ]
    found = classes(*rows)
    assert sorted(one.idle for one in found) == [1, 2]
    assert found[0].attributes[:2] == (("base", "2"), ("deep", "Base"))
    assert {dict(one.attributes)["wanted"] for one in found} == {'"a"', '"b"'}


def test_keys_and_counts_do_not_depend_on_the_order_or_spelling_of_rows() -> None:
    rows = [row(n + 1, f"{n}.0", RequestMemory=str(100 * n), Wanted='"x"') for n in range(20)]
    spelt = [Row(r.jobs, r.ids, {name.lower(): text for name, text in r.attributes.items()}) for r in rows]
    random.Random(1).shuffle(spelt)  # noqa: S311 - an order, not a secret
    assert classes(*rows) == classes(*spelt)


def test_the_first_known_length_counts_in_seconds_or_minutes() -> None:
    assert only(row(MaxWallTimeMins="10")).length.seconds == 600
    assert only(row(MaxWallTimeMins="10", AllowedJobDuration="3000")).length == job_length(
        {"AllowedJobDuration": 3000.0}, ("AllowedJobDuration",), 1
    )
    assert only(row()).length.source == "assumed"
    assert only(row(MaxWallTimeMins="-1")).length.source == "assumed"


def test_lengths_are_rounded_up_to_a_step() -> None:
    for seconds in (1, 300, 301, 86_400, 86_401):
        length = job_length({"X": float(seconds)}, ("X",), 5)
        assert length.seconds in STEPS
        assert length.seconds >= seconds
    assert job_length({"X": 1e30}, ("X",), 5).seconds == 366 * 86_400


def test_jobs_that_are_not_materialised_are_announced_in_the_class_of_those_that_are() -> None:
    one = only(row(2, "7.0 7.1", JobMaterializeLimit="2"), row(0, "", 48, JobMaterializeLimit="2"))
    assert (one.idle, one.announced, one.priorities) == (2, 48, ((0, 2),))


def test_a_refused_expression_is_a_class_of_its_own_with_the_reason_and_keeps_its_count() -> None:
    huge = " || ".join(f'TARGET.Name == "n{i}"' for i in range(60_000))
    found = classes(row(5, Requirements=huge), row(7, Requirements="random() < 1"), row(1))
    gates = {one.gate: one.idle for one in found}
    assert gates == {"": 1, "requirements: longer than 64 KiB": 5, "requirements: function random() is not allowed": 7}
    assert all(len(one.requirements) <= 200 for one in found)
    assert all(one.request.memory_mib == 512 for one in found)


def test_attributes_that_blow_up_are_gated() -> None:
    more = {f"A{i}": f"strcat(A{i - 1}, A{i - 1})" for i in range(1, 60)}
    one = only(row(3, Requirements="TARGET.X == A59", attributes=more | {"A0": '"aaaaaaaaaa"'}))
    assert "stands for more" in one.gate
    assert one.idle == 3


def test_above_max_classes_the_smallest_are_lumped_and_said_and_no_job_is_lost() -> None:
    rows = [row(n + 1, f"{n}.0", Requirements=f"TARGET.N == {n}", RequestCpus=str(1 + n % 3)) for n in range(300)]
    found = classes(*rows, terms=Terms(max_classes=100))
    assert len(found) <= 100
    assert sum(one.idle for one in found) == sum(range(1, 301))
    lumps = [one for one in found if one.lumped]
    assert sum(one.lumped for one in lumps) + len(found) - len(lumps) == 300
    assert all(sum(jobs for _, jobs in one.priorities) == one.idle for one in found)
    assert max(one.idle for one in found if not one.lumped) == 300


def test_lumps_of_very_many_shapes_are_folded_further_under_the_largest_request() -> None:
    rows = [row(1, f"{n}.0", RequestCpus=str(n + 1), RequestMemory=str(90_000 - n)) for n in range(300)]
    found = classes(*rows, terms=Terms(max_classes=20))
    assert len(found) <= 20
    assert sum(one.idle for one in found) == 300
    last = max(found, key=lambda one: one.lumped)
    assert last.request.cpu_milli == 300_000
    assert last.request.memory_mib >= 89_900


def test_the_image_is_told() -> None:
    assert only(row(ContainerImage='"/cvmfs/x.sif"', WantContainer="true")).image == "/cvmfs/x.sif"
    assert only(row(DockerImage='"busybox"')).image == "busybox"


def test_the_lowest_job_id_is_found_in_a_list() -> None:
    assert first_id("17.0 ... 17.9 5.3") == (5, 3)
    assert first_id("nonsense") is None


def test_concurrency_limits_are_told_and_separate_classes() -> None:
    one = only(row(ConcurrencyLimits='"Matlab, db.read:2, matlab:1.5, , odd name, free:0"'))
    assert one.concurrency == (("db.read", 2), ("matlab", 3))
    assert len(classes(row(ConcurrencyLimits='"a"'), row(ConcurrencyLimits='"b"'), row())) == 3
    assert only(row(ConcurrencyLimits="strcat(x, y)")).concurrency == ()


def test_a_user_with_very_long_expressions_loses_these_and_spoils_no_other_users_classes() -> None:
    long = [
        row(1, f"{n}.0", Requirements=" && ".join(f"TARGET.A{n} > {i}" for i in range(1_900)), User='"m@b"')
        for n in range(400)
    ]
    began = time.process_time()
    found = classes(row(1, "9.0"), *long)
    print(f"400 expressions of 25 KiB: {time.process_time() - began:.2f} s")
    assert time.process_time() - began < 6.0
    refused = [one for one in found if "left out" in one.gate]
    assert 100 < sum(one.idle for one in refused) < 400
    assert sum(one.idle for one in found) == 401
    assert {one.gate for one in found if one.principal.user == "alice@pool-b"} == {""}


def test_a_hundred_thousand_rows_become_classes_in_about_a_second() -> None:
    """Each row a class of its own: the worst that one schedd can send."""
    jobs = [9 - n * 9 // 100_000 for n in range(100_000)]  # the largest requests have the fewest jobs
    rows = [row(jobs[n], f"{n}.0", Requirements=f"TARGET.N == {n}", RequestMemory=str(256 * n)) for n in range(100_000)]
    began = time.process_time()
    found = classes(*rows)
    spent = time.process_time() - began
    print(f"100,000 rows: {spent:.2f} s")
    assert spent < 4.0
    assert len(found) <= TERMS.max_classes
    assert sum(one.idle for one in found) == sum(jobs)
    assert sum(one.lumped or 1 for one in found) == 100_000
    assert max(one.request.memory_mib for one in found) >= 256 * 99_999


def test_ten_thousand_owners_of_one_schedd_are_kept_apart_as_far_as_there_is_place() -> None:
    rows = [row(1 + n, f"{n}.0", User=f'"u{n}@b"', Owner=f'"u{n}"') for n in range(10_000)]
    found = classes(*rows)
    assert len(found) <= TERMS.max_classes
    assert sum(one.idle for one in found) == sum(range(1, 10_001))
    (rest,) = [one for one in found if one.principal.user == "(others)"]
    assert "principals" in rest.gate
    assert {one.principal.user for one in found if not one.gate} >= {f"u{n}@b" for n in range(9_600, 10_000)}


@pytest.mark.parametrize(
    "odd", ["1e300", "-1e300", 'real("NaN")', 'real("INF")', '"much"', "undefined", "1/0", "TARGET.x"]
)
def test_any_number_can_be_odd_and_the_answer_still_crosses_to_the_parent(odd: str) -> None:
    names = ("JobPrio", "RequestCpus", "RequestMemory", "RequestDisk", "RequestGPUs", "MaxWallTimeMins")
    one = only(row(5, "1.0", attributes=dict.fromkeys(names, odd)))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=DemandClass)
    assert again == one
    assert one.idle == 5
    assert one.request.cpu_milli >= 1000
    assert one.floors


def test_a_name_of_three_hundred_characters_is_cut_and_told() -> None:
    one = only(row(User=f'"{"u" * 300}@b"', Requirements=f"TARGET.{'n' * 300} > 1"))
    assert len(one.principal.user) == 200
    assert "User is longer than 200 characters: cut" in one.floors
    assert one.gate.startswith("User: "), "whom its startds admit is not cut"
