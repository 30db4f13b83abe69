"""Scenarios for both judges: forty-two cores, a policy, and people who want more than there is."""

from __future__ import annotations

from fedsched.matchmaker.model import ConcurrencyLimit
from tests.condor.against_negotiator import Scenario, Work, part, static

SPIN = (
    "The second round of a negotiation cycle divides cores that satisfied submitters had taken in the first once more: "
    "whoever is asked first gets them, and no later cycle takes them back. Ours divides what is there (FS6)"
)

SCENARIOS = (
    Scenario("three equal users", (Work("u"), Work("v"), Work("w"))),
    Scenario("factors one two four", (Work("u"), Work("v"), Work("w")), factors={"v": 2, "w": 4}),
    Scenario("a newcomer and a heavy user", (Work("new"), Work("heavy")), usage={"heavy": 3.0}),
    Scenario("who wants little leaves the rest to the other", (Work("little", 4), Work("u"))),
    Scenario(
        "what one leaves goes to two",
        (Work("little", 4), Work("u"), Work("v")),
        differs=SPIN,
        theirs={"little": (4, 4), "u": (14, 24), "v": (14, 24)},
        ours={"little": 4, "u": 19, "v": 19},
    ),
    Scenario(
        "static quotas without surplus leave cores idle",
        (Work("u", group="a"), Work("v", group="b")),
        groups=(static("a", 10), static("b", 20)),
    ),
    Scenario(
        "two users share a static quota",
        (Work("u", group="a"), Work("v", group="a"), Work("w", group="b")),
        groups=(static("a", 24), static("b", 10)),
        factors={"v": 2},
    ),
    Scenario(
        "dynamic quotas are fractions of the pool",
        (Work("u", group="a"), Work("v", group="b")),
        groups=(part("a", 0.5, surplus=False), part("b", 0.25, surplus=False)),
    ),
    Scenario(
        "one group accepts what another leaves",
        (Work("u", group="a"), Work("v", 5, group="b")),
        groups=(static("a", 12, surplus=True), static("b", 30, surplus=True)),
    ),
    Scenario(
        "surplus is shared by quota",
        (Work("u", group="a"), Work("v", group="b")),
        groups=(
            static("a", 9, surplus=True),
            static("b", 18, surplus=True),
            static("c", 15, surplus=True),
        ),
    ),
    Scenario(
        "only who accepts surplus gets it",
        (Work("u", group="a"), Work("v", group="b")),
        groups=(static("a", 10), static("b", 10, surplus=True), static("c", 20)),
    ),
    Scenario(
        "unused quota goes to siblings before cousins",
        (Work("u", group="p.hep"), Work("v", group="q.bio")),
        groups=(
            part("p", 0.5),
            part("p.hep", 0.5),
            part("p.nuc", 0.5),
            part("q", 0.5),
            part("q.bio", 1.0),
        ),
    ),
    Scenario(
        "nested groups with surplus",
        (Work("u", group="p.hep"), Work("v", 4, group="p.nuc"), Work("w", 6, group="q")),
        groups=(
            part("p", 0.5),
            part("p.hep", 0.5),
            part("p.nuc", 0.5),
            part("q", 0.5),
        ),
    ),
    Scenario(
        "a parent lends what its children own",
        (Work("u", group="p.hep"), Work("v", 4, group="p.nuc"), Work("w", 6, group="q")),
        groups=(
            part("p", 0.5),
            part("p.hep", 0.5),
            part("p.nuc", 0.5),
            part("q", 0.5),
        ),
        more="NEGOTIATOR_ALLOW_QUOTA_OVERSUBSCRIPTION = True",
        differs="HTCondor's default counts a quota at its group and again at each child, and whoever negotiates first "
        "takes both; ours (and the configuration that fedsched prints) counts it once, so that a floor holds",
        theirs={"u": (32, 42), "v": (0, 4), "w": (0, 6)},
        ours={"u": 32, "v": 4, "w": 6},
    ),
    Scenario(
        "a parent without surplus holds its children",
        (Work("u", group="p.hep"), Work("v", 4, group="p.nuc"), Work("w", 6, group="q")),
        groups=(
            part("p", 0.5, surplus=False),
            part("p.hep", 0.5),
            part("p.nuc", 0.5),
            part("q", 0.5),
        ),
    ),
    Scenario(
        "three levels of groups",
        (Work("u", group="p.x.i"), Work("v", group="p.x.j"), Work("w", group="p.y"), Work("z", group="q")),
        groups=(
            part("p", 0.75, surplus=False),
            part("p.x", 0.5, surplus=False),
            part("p.x.i", 0.25, surplus=False),
            part("p.x.j", 0.75, surplus=False),
            part("p.y", 0.5, surplus=False),
            part("q", 0.25, surplus=False),
        ),
    ),
    Scenario(
        "users without a group take what quotas leave",
        (Work("u", group="a"), Work("v", group="b"), Work("w"), Work("z")),
        groups=(static("a", 10), static("b", 12)),
    ),
    Scenario(
        "static and dynamic quotas side by side",
        (Work("u", group="a"), Work("v", group="b"), Work("w", group="c")),
        groups=(static("a", 10), part("b", 0.5, surplus=False), part("c", 0.5, surplus=False)),
    ),
    Scenario("a ceiling holds a submitter", (Work("u"), Work("v")), ceilings={"u": 5}),
    Scenario(
        "what a ceiling leaves goes to two",
        (Work("u"), Work("v"), Work("w")),
        ceilings={"u": 5},
        differs=SPIN,
        theirs={"u": (5, 5), "v": (14, 23), "w": (14, 23)},
        ours={"u": 5, "v": 19, "w": 18},
    ),
    Scenario("a floor keeps a submitter", (Work("u"), Work("v")), floors={"u": 12}, factors={"u": 9}),
    Scenario(
        "one user with many classes and one with one",
        (*(Work("many", 4, memory=16 + 8 * n) for n in range(20)), Work("one")),
    ),
    Scenario(
        "a head that matches nothing holds nobody up",
        (
            Work("u", 30, priority=10, fits=False),
            Work("u"),
            Work("v", 10, priority=5, fits=False),
            Work("v"),
            Work("w"),
        ),
    ),
    Scenario(
        "a concurrency limit leaves the rest to others",
        (Work("u", limit="disk"), Work("v")),
        limits=(ConcurrencyLimit("disk", 12),),
    ),
    Scenario(
        "two users want one concurrency limit",
        (Work("u", limit="disk"), Work("v", limit="disk"), Work("w")),
        limits=(ConcurrencyLimit("disk", 12),),
        differs="A negotiator gives all units of a limit to whoever is asked first; ours deals them out by turns (Q7)",
        theirs={"u": (0, 12), "v": (0, 12), "w": (30, 30)},
        ours={"u": 6, "v": 6, "w": 30},
    ),
    Scenario("jobs of four cores and of one", (Work("four", cpus=4), Work("one"))),
    Scenario(
        "jobs of two and one cores in groups",
        (Work("u", group="a", cpus=2), Work("v", group="b"), Work("w", group="b", cpus=2)),
        groups=(static("a", 16), static("b", 24)),
    ),
    Scenario(
        "jobs of eight cores beside smaller ones",
        (Work("eight", cpus=8), Work("two", cpus=2), Work("one")),
        differs="A negotiator never gives a submitter more than its slice: two jobs of eight are more than 14 cores, "
        "and the rest goes to others. With us the lowest level takes the next unit, whole (FS6)",
        theirs={"eight": (8, 8), "two": (12, 22), "one": (12, 22)},
        ours={"eight": 16, "two": 12, "one": 14},
    ),
    Scenario(
        "quotas beyond the pool are scaled down",
        (Work("u", group="a"), Work("v", group="b")),
        groups=(static("a", 42), static("b", 21)),
    ),
    Scenario(
        "factors and use in a group with a quota",
        (Work("u", group="a"), Work("v", group="a"), Work("w", group="b"), Work("z", group="b")),
        groups=(part("a", 0.5), part("b", 0.5)),
        factors={"v": 2},
        usage={"w": 3.0},
    ),
    Scenario(
        "surplus goes on to whoever still wants it",
        (Work("u", 12, group="a"), Work("v", group="b"), Work("w", 2, group="c")),
        groups=(static("a", 6, surplus=True), static("b", 6, surplus=True), static("c", 30, surplus=True)),
    ),
    Scenario(
        "what a group holds counts against its quota",
        (Work("u", group="a"), Work("v", group="a"), Work("w", group="b")),
        before=(Work("u", 9, group="a"),),
        groups=(static("a", 14), static("b", 28)),
    ),
    Scenario("seven users of seven kinds", tuple(Work(f"u{n}") for n in range(7)), factors={"u0": 3, "u1": 3, "u2": 3}),
    Scenario("what is held counts", (Work("u"), Work("v")), before=(Work("u", 30),)),
)
