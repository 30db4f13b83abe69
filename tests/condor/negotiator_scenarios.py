"""Scenarios for both judges: forty-two cores, a policy, and people who want more than there is."""

from __future__ import annotations

from fedsched.matchmaker.model import ConcurrencyLimit
from tests.condor.against_negotiator import Scenario, Work, part, static

SCENARIOS = (
    Scenario("three equal users", (Work("u"), Work("v"), Work("w"))),
    Scenario("factors one two four", (Work("u"), Work("v"), Work("w")), factors={"v": 2, "w": 4}),
    Scenario("a newcomer and a heavy user", (Work("new"), Work("heavy")), usage={"heavy": 3.0}),
    Scenario("who wants little leaves the rest to others", (Work("little", 4), Work("u"), Work("v"))),
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
    Scenario("a ceiling holds a submitter", (Work("u"), Work("v"), Work("w")), ceilings={"u": 5}),
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
        "a concurrency limit over two users",
        (Work("u", limit="disk"), Work("v", limit="disk"), Work("w")),
        limits=(ConcurrencyLimit("disk", 12),),
    ),
    Scenario("jobs of four cores and of one", (Work("four", cpus=4), Work("one"))),
    Scenario(
        "jobs of two and one cores in groups",
        (Work("u", group="a", cpus=2), Work("v", group="b"), Work("w", group="b", cpus=2)),
        groups=(static("a", 16), static("b", 24)),
    ),
    Scenario("what is held counts", (Work("u"), Work("v")), before=(Work("u", 30),)),
)
