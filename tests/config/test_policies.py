"""The shipped policies load, say everything that can be said, and what cannot be meant is refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.config import ConfigError, load_policy
from fedsched.config.policy_checks import judge
from fedsched.config.policy_keys import POLICY
from fedsched.config.tables import Reading, Table
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.model.shares import ConcurrencyLimit, Group, PrincipalTerms, Reservation
from fedsched.matchmaker.model.spikes import Tier, Window
from fedsched.matchmaker.resources import Resources

SHIPPED = Path(__file__).parents[2] / "policies"
NAMES = ["conference-spike", "fair-share", "frugal", "nrp-guest", "owner-first"]
PLAIN = [key for key in POLICY.keys if not (isinstance(key.kind, Table) and (key.kind.many or key.kind.title))]
"""Keys of which a policy has exactly one; groups, principals, reservations and tiers may be none or many."""


def policy(folder: Path, text: str) -> Policy:
    (folder / "p.toml").write_text(text)
    return load_policy("p", folder)


def test_exactly_the_promised_policies_are_shipped() -> None:
    assert sorted(file.stem for file in SHIPPED.glob("*.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_says_every_key(name: str) -> None:
    """Whoever copies one sees all that can be changed."""
    assert load_policy(name, SHIPPED).name == name
    written = tomllib.loads((SHIPPED / f"{name}.toml").read_text())
    for key in PLAIN:
        assert key.name in written
        if isinstance(key.kind, Table):
            assert {inner.name for inner in key.kind.keys} == set(written[key.name])


def test_fair_share_is_the_default() -> None:
    assert load_policy("fair-share", SHIPPED) == Policy()


def test_the_examples_in_fair_share_work_and_name_every_key_that_is_left(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=\S)", "", (SHIPPED / "fair-share.toml").read_text(), flags=re.MULTILINE)
    (tmp_path / "fair-share.toml").write_text(text)
    assert load_policy("fair-share", tmp_path).groups[0].path == "physics"
    written = tomllib.loads(text)
    for key in POLICY.keys:
        table = key.kind
        if isinstance(table, Table) and (table.many or table.title):
            tables = written[key.name].values() if table.title else written[key.name]
            assert {name for one in tables for name in one} == {inner.name for inner in table.keys}


def test_a_federations_own_policy_goes_before_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "frugal.toml").write_text("max_classes = 7\n")
    found = load_policy("frugal", tmp_path)
    assert (found.name, found.max_classes) == ("frugal", 7)


def test_every_table_of_a_policy_reaches_its_noun(tmp_path: Path) -> None:
    read = policy(
        tmp_path,
        """
[limits]
matlab = 20
[group."physics.hep"]
weight = 3
quota = { cpu = 40, gpus = 4, memory = "200GiB" }
limit = { gpus = 0, cpu = 50, gpus = 6 }
""".replace("gpus = 0, ", "")
        + """
accept_surplus = true
lend = 0.5
[group.physics]
[[principal]]
pattern = "physics.*"
factor = 2
[[principal]]
pattern = "*"
ceiling = 8
[[reservation]]
group = "physics"
begins_at = 2027-01-15T09:00:00+01:00
ends_at = 2027-01-15T09:00:00Z
quota = { gpus = 0, cpu = 3 }
[[tier]]
name = "cloud"
order = 3
members = ["aws-*", "gcp-*"]
where = "Cpus > 3"
[[tier.window]]
hours = [20, 6]
[[tier.window]]
ends_at = 2027-01-15T08:00:00Z
[sharing]
reference = { cpu = 100, gpus = 4 }
half_life_s = "1h"
""",
    )
    assert read.groups == (
        Group("physics"),
        Group(
            "physics.hep",
            weight=3.0,
            quota=Resources(cpu_milli=40_000, memory_mib=200 * 1024, gpus=4),
            quota_names=frozenset({"cpu_milli", "memory_mib", "gpus"}),
            limit=Resources(cpu_milli=50_000, gpus=6),
            limit_names=frozenset({"cpu_milli", "gpus"}),
            accept_surplus=True,
            lend=0.5,
        ),
    )
    assert read.principals == (PrincipalTerms("physics.*", 2.0), PrincipalTerms("*", ceiling=8.0))
    assert read.limits == (ConcurrencyLimit("matlab", 20),)
    day = 1_800_000_000.0
    three = Resources(cpu_milli=3000)
    names = frozenset({"cpu_milli", "gpus"})
    assert read.reservations == (Reservation("physics", day, day + 3600, quota=three, quota_names=names),)
    windows = (Window(hours=(20, 6)), Window(ends_at=day))
    assert read.tiers == (Tier("cloud", 3, ("aws-*", "gcp-*"), "Cpus > 3", windows=windows),)
    assert read.sharing.reference_names == {"cpu_milli", "gpus"}
    assert read.sharing.half_life_s == 3600


def test_the_order_of_groups_in_a_file_means_nothing(tmp_path: Path) -> None:
    one, other = '[group."a.b"]\nweight = 2\n', "[group.a]\nweight = 3\n"
    assert policy(tmp_path, one + other) == policy(tmp_path, other + one)


WINDOW = "begins_at = 2027-01-01T00:00:00Z\nends_at = 2027-01-02T00:00:00Z\n"
RESERVED = f'[[reservation]]\ngroup = "a"\nquota_fraction = 0.5\n{WINDOW}'
WRONG = {
    "another name": ('name = "other"', 'p.toml:1: name: expected "p"'),
    "timers in the wrong order": (
        "[silence]\nsilent_s = 5\nlost_s = 1",
        "p.toml:1: silence: expected slow_s <= silent_s <= lost_s",
    ),
    "no life before retirement": (
        "[startds]\nretire_s = '12h'",
        "p.toml:2: startds.retire_s: expected less than lifetime_s",
    ),
    "no first startd": ("[ramp]\nfirst = 0", "p.toml:2: ramp.first: expected a whole number from 1"),
    "a rank that does not parse": ("rank = '1 +'", "p.toml:1: rank: expected a ClassAd expression"),
    "a where that may not be": (
        "[[tier]]\nname = 'a'\nwhere = 'random(3) > 1'",
        "p.toml:3: tier[0].where: expected a ClassAd",
    ),
    "a spike without end": ("[surge]\noff = 16", "p.toml:2: surge.off: expected less than on (16)"),
    "an unknown table": ("[groups.a]", 'p.toml:1: groups: unknown key; did you mean "group"?'),
    "an unknown key of a group": (
        "[group.a]\nqouta = { cpu = 1 }",
        'p.toml:2: group.a.qouta: unknown key; did you mean "quota"?',
    ),
    "a path without its quotes": (
        "[group.a]\n[group.a.b]\nweight = 1",
        'p.toml:2: group.a.b: unknown key; a dotted name needs quotes: [group."a.b"]',
    ),
    "a group twice": (
        "[group.'a.b']\nweight = 1\n[group.'a.b']\nweight = 2",
        "p.toml:3: group.'a.b': stands twice in this file",
    ),
    "a group twice in other letters": ("[group.a]\n[group.A]", 'p.toml:1: group.a: a second group "A"'),
    "groups as a list": ("[[group]]\npath = 'a'", "p.toml:1: group: expected a table, not"),
    "a group that is a number": ("[group]\na = 3", 'p.toml:2: group.a: expected a table written as [group."name"]'),
    "a path with a gap": ("[group.'a..b']", 'p.toml:1: group."a..b": expected the dotted path of a group'),
    "a path like a principal's": ("[group.'a/b@c']", "p.toml:1: group.a/b@c: expected the dotted path of a group"),
    "two floors": (
        "[group.a]\nquota = { cpu = 1 }\nquota_fraction = 0.1",
        "p.toml:3: group.a.quota_fraction: expected this or quota, not both",
    ),
    "a ceiling under the floor": (
        "[group.a]\nquota = { cpu = 9, gpus = 1 }\nlimit = { cpu = 3, gpus = 1 }",
        "p.toml:3: group.a.limit: 3 cores is below the quota of 9 cores",
    ),
    "children that have more than their parent": (
        "[group.a]\nquota = { cpu = 3 }\n[group.'a.b']\nquota = { cpu = 2 }\n[group.'a.c']\nquota = { cpu = 2 }",
        'p.toml:6: group."a.c".quota: a.b, a.c have 4 cores together, their parent\'s quota is 3 cores',
    ),
    "children whose floors are over their parent's ceiling": (
        "[group.a]\nlimit = { gpus = 1 }\n[group.'a.b']\nquota = { gpus = 2 }",
        'p.toml:4: group."a.b".quota: a.b have 2 GPU together, their parent\'s limit is 1 GPU',
    ),
    "fractions of more than all": (
        "[group.a]\nquota_fraction = 0.7\n[group.b]\n[group.c]\nquota_fraction = 0.4",
        "p.toml:5: group.c.quota_fraction: a, c have 1.1 together, more than all of what is lent",
    ),
    "a part of more than one": ("[group.a]\nlend = 1.5", "p.toml:2: group.a.lend: expected a number from 0 to 1"),
    "a weight that is none": ("[group.a]\nweight = nan", "p.toml:2: group.a.weight: expected a number from 0, not nan"),
    "a negative weight": ("[group.a]\nweight = -1", "p.toml:2: group.a.weight: expected a number from 0, not -1"),
    "no factor": (
        "[[principal]]\npattern = 'a'\nfactor = 0",
        "p.toml:3: principal[0].factor: expected a number from 0.001",
    ),
    "an endless budget": ("[group.a]\nbudget = inf", "p.toml:2: group.a.budget: expected a number from 0, not inf"),
    "memory without its unit": (
        "[group.a]\nquota = { memory = 64 }",
        "p.toml:2: group.a.quota.memory: expected a size with its unit",
    ),
    "a bound that nobody reads": (
        "[group.a]\nborrow = 1",
        "p.toml:2: group.a.borrow: is only read with accept_surplus",
    ),
    "a pattern twice": (
        "[[principal]]\npattern = 'a*'\n[[principal]]\npattern = 'a*'",
        "p.toml:4: principal[1].pattern: is that of principal[0] already",
    ),
    "a principal without pattern": ("[[principal]]\nfactor = 2", "p.toml:1: principal[0].pattern: is missing"),
    "a principal's ceiling under its floor": (
        "[[principal]]\npattern = 'a'\nfloor = 2\nceiling = 1",
        "p.toml:4: principal[0].ceiling: expected at least the floor of 2",
    ),
    "a limit twice": ("[limits]\na = 1\na = 2", "p.toml:3: a: stands twice in this file"),
    "a limit twice in other letters": ("[limits]\nab = 1\nAB = 2", 'p.toml:2: limits.ab: a second limit "AB"'),
    "a limit that is no number": ("[limits]\na = true", "p.toml:2: limits.a: expected a whole number from 0, not True"),
    "a reservation of nobody": (
        "[group.b]\n" + RESERVED,
        'p.toml:3: reservation[0].group: no group "a"',
    ),
    "a reservation that ends first": (
        "[group.a]\n" + RESERVED.replace("01-02", "01-01"),
        "p.toml:6: reservation[0].ends_at: expected later than begins_at (2027-01-01T00:00:00Z)",
    ),
    "two reservations at once": (
        f"[group.a]\n{RESERVED}{RESERVED}",
        'p.toml:10: reservation[1].begins_at: overlaps reservation[0], which is for "a" too',
    ),
    "a reservation of nothing": (
        "[group.a]\n" + RESERVED.replace("quota_fraction = 0.5", "name = 'x'"),
        "p.toml:2: reservation[0].quota: is missing; or quota_fraction",
    ),
    "a date without zone": (
        "[group.a]\n" + RESERVED.replace("01-02T00:00:00Z", "01-02T00:00:00"),
        "2027-01-02T00:00:00 has no zone; add Z for UTC",
    ),
    "a date without time": ("[group.a]\n" + RESERVED.replace("-02T00:00:00Z", "-02"), "2027-01-02 has no time"),
    "a time without date": (
        "[group.a]\n" + RESERVED.replace("2027-01-02T00:00:00Z", "09:00:00"),
        "09:00:00 has no date",
    ),
    "a date as a text": (
        "[group.a]\n" + RESERVED.replace("2027-01-02T00:00:00Z", "'2027-01-02T00:00:00Z'"),
        "p.toml:6: reservation[0].ends_at: expected a date with time and zone, such as",
    ),
    "a tier twice": (
        "[[tier]]\nname = 'a'\n[[tier]]\nname = 'a'\norder = 1",
        'p.toml:4: tier[1].name: "a" is the name of tier[0] already',
    ),
    "tiers that open together": (
        "[[tier]]\nname = 'a'\n[[tier]]\nname = 'b'",
        'p.toml:3: tier[1].order: 0 is the order of tier "a" already; say which opens first',
    ),
    "a tier of no member": ("[[tier]]\nname = 'a'\nmembers = []", "p.toml:3: tier[0].members: expected at least one"),
    "hours beyond the day": (
        "[[tier]]\nname = 'a'\n[[tier.window]]\nhours = [20, 25]",
        "p.toml:4: tier[0].window[0].hours: expected two different hours of the day in UTC",
    ),
    "a window that ends first": (
        "[[tier]]\nname = 'a'\n[[tier.window]]\n" + WINDOW.replace("01-02", "01-01"),
        "p.toml:5: tier[0].window[0].ends_at: expected later than begins_at",
    ),
    "one window as a table": (
        "[[tier]]\nname = 'a'\n[tier.window]\nhours = [1, 2]",
        "p.toml:3: tier[0].window: expected one or more tables written as [[tier.window]]",
    ),
    "waiting bounds in the wrong order": ("[pending]\nleast_s = '1h'", "p.toml:2: pending.least_s: expected at most"),
    "a mode that does not exist": (
        "[preemption]\nmode = 'always'",
        "p.toml:2: preemption.mode: expected one of never, reclaim, fair, not 'always'",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_policy_that_cannot_be_meant_is_refused_with_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(tmp_path, text + "\n")
    (problem,) = caught.value.problems
    assert expected in str(problem)


NAMES_OF_KEYS = sorted(
    {key.name for key in POLICY.keys} | {"path", "quota", "window", "hours", "begins_at", "a.b", "b"}
)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.datetimes()
    | st.dates()
    | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES_OF_KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES_OF_KEYS), ANY, max_size=6))
def test_whatever_stands_in_a_file_is_a_policy_or_problems_and_never_a_crash(value: dict[str, object]) -> None:
    reading = Reading(Path("p.toml"), "")
    read = reading.table(POLICY, value)
    assert isinstance(read, Policy) == (not reading.problems)
    if isinstance(read, Policy):
        judge(reading, read)
