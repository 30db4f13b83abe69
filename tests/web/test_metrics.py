"""O7, N3, N4: what Prometheus reads is right, bounded, parsed by the official parser, and named in the docs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from fedsched.answers import View
from fedsched.config.settings import PoolSettings
from fedsched.journal import Commit, Forecast, Holder, Limits, Recorded, SqliteJournal
from fedsched.loop import Summary
from fedsched.matchmaker.model import (
    ClassReport,
    DeleteObject,
    DemandClass,
    Drift,
    Group,
    Held,
    JobLength,
    LedgerEntry,
    MemberMemory,
    MemberTerms,
    MemberView,
    Memory,
    Observation,
    Order,
    Plan,
    Policy,
    PoolView,
    Principal,
    ScheddView,
    ShareLine,
    Snapshot,
    Spending,
    Spike,
    SurgeMemory,
    Tier,
    TierState,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources
from fedsched.web import App, Newest, WebServer
from fedsched.web.metrics import FAMILIES, Metrics, Sources, encoding, table
from fedsched.web.metrics.families import exposed
from tests.bench.match import round_of
from tests.bench.standing import at_work
from tests.condor.test_pool_tokens import jwt
from tests.loop.shelf import placement

ROOT = Path(__file__).parents[2]
AT = 1_700_000_000.0
ADA = Principal("physics.hep", "ada@example")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
POLICY = Policy(groups=(Group("physics", budget=50.0),), tiers=(Tier("cloud", budget=10.0),))


def held(name: str, member: str = "m1", **fields: Any) -> Held:
    told: dict[str, Any] = {"phase": "claimed", "since": AT - 100} | fields
    return Held(placement(name, member), **told)


def cycle(number: int, placed: tuple[Held, ...], before: tuple[Held, ...] = (), **memory: Any) -> Recorded:
    """A federation of two members with one class that waits, ten seconds after the cycle before."""
    at = AT + 10 * number
    why = Reason(Cause.NO_ROOM, "memory_mib")
    parts = ((2, why), (1, Reason(Cause.RAMP)))
    report = ClassReport("k", 5, 2, 0, 3, Verdict.NOT_NOW, why, parts)
    demand = DemandClass(
        "k", "a", "ce1", ADA, Resources(cpu_milli=2000), JobLength(60, "assumed"), 5, running=4, oldest_at=at - 400
    )
    seen = Observation(
        at,
        schedds=(ScheddView("ce1", "a", seen_at=at - 7, classes=(demand,)),),
        members=(
            MemberView("m1", "ok", at, seen_at=at - 3, credential_expires_at=at + 86_400),
            MemberView("m2", "timeout", at),
        ),
        pools=(PoolView("a", seen_at=at - 2),),
    )
    lines = (
        ShareLine("", entitled=8000, held=4000, demand=9000),
        ShareLine("physics", "", entitled=8000, held=4000, charged=3000, wasted=500, demand=6000),
        ShareLine("physics.hep", "physics", entitled=8000, held=4000, demand=6000),
        ShareLine("physics.hep/ada@example", "physics.hep", entitled=8000, held=4000, demand=6000, rank=1),
    )
    ledger = {"physics.hep/ada@example": LedgerEntry(3.0, at, shortfall_s=700.0), "/bob@x": LedgerEntry(9.0)}
    now = Memory(
        cycle=number,
        at=at,
        held=placed,
        members={"m1": MemberMemory("ready", good_at=at - 1), "m2": MemberMemory("lost", good_at=at - 900)},
        ledger=ledger,
        **memory,
    )
    sweep = (DeleteObject("m1", "x", "fs-x", "Job", "u"),)
    plan = Plan(number, at, placed, (report,), now, sweep=sweep, shares=lines, drift=(Drift("a", "factor", "2", "1"),))
    terms = (MemberTerms("m1", mode="on", price_per_core_hour=0.5), MemberTerms("m2", mode="trial", trial=3))
    past = Memory(cycle=number - 1, at=at - 10, held=before)
    return Recorded(Snapshot(seen, past, terms), plan, policy="p")


class Scraped:
    """One daemon's metrics, and what a Prometheus would hold of it."""

    def __init__(self, folder: Path) -> None:
        self.journal = SqliteJournal(folder / "fedsched.db", Limits(outlives_power=False))
        self.journal.acquire_lease(Holder.mine(), 3600, AT)
        self.view: View | None = None
        self.now = AT + 12
        self.status = 200
        token = folder / "token"
        token.write_text(jwt(exp=AT + 1000))
        pools = (PoolSettings("a", "cm:9618", startd_token_file=token, token_file=folder / "absent"),)
        sources = Sources(
            lambda: (self.status, {}), lambda: self.now, f"sqlite:{folder / 'fedsched.db'}", pools, lambda: 3
        )
        self.metrics = Metrics(lambda: self.view, sources)

    def see(self, recorded: Recorded, *orders: Order) -> None:
        """The loop's side of one cycle."""
        self.journal.commit_cycle(Commit(recorded, POLICY))
        self.metrics.see(recorded)
        self.view = View(recorded, orders, 10.0, "daemon", "hep")
        parts = {"observe": 0.01, "decide": 0.2, "commit": 0.02, "act": 0.05}
        blind = ("member m2",)
        self.metrics.cycled(Summary(1, AT, 0.2, 0.28, 1, 5, 3, {}, {"create": 2}, {"done": 1}, 1, blind, parts))

    def families(self, accept: str = "") -> dict[str, Metric]:
        encode, kind = encoding(accept)
        body = self.metrics.scrape(encode)
        parse = openmetrics if "openmetrics" in kind else prometheus
        return {family.name: family for family in parse(body.decode())}

    def text(self) -> str:
        """The scrape as it is read."""
        return self.metrics.scrape(encoding("")[0]).decode()

    def of(self, name: str, **labels: str) -> float | None:
        """One sample's value."""
        for family in self.families().values():
            for sample in family.samples:
                if sample.name == f"fedsched_{name}" and sample.labels == labels:
                    return sample.value
        return None


@pytest.fixture
def scraped(tmp_path: Path) -> Iterator[Scraped]:
    made = Scraped(tmp_path)
    with closing(made.journal):
        yield made


def test_before_the_first_cycle_there_is_health_and_no_number_that_nobody_knows(scraped: Scraped) -> None:
    scraped.status = 503
    assert scraped.of("healthy") == 0
    assert scraped.of("cycle_number") is None
    assert scraped.of("web_streams") == 3


def test_demand_is_told_by_top_group_state_and_cause(scraped: Scraped) -> None:
    scraped.see(cycle(1, ()))
    assert [scraped.of("demand_jobs", group="physics", state=s) for s in ("idle", "running", "unmet")] == [5, 4, 3]
    assert scraped.of("demand_core_equivalents", group="physics", state="unmet") == 6
    assert scraped.of("unmet_jobs", group="physics", cause="no-room") == 2
    assert scraped.of("unmet_core_equivalents", group="physics", cause="ramp") == 2
    assert scraped.of("wait_oldest_seconds", group="physics") == 402
    assert scraped.of("wait_seconds_bucket", group="physics", le="300.0") == 0
    assert scraped.of("wait_seconds_bucket", group="physics", le="900.0") == 5


def test_supply_is_told_by_member_and_phase_and_what_is_claimed_of_it(scraped: Scraped) -> None:
    priced = msgspec.structs.replace(placement("c"), price_per_hour=0.5)
    going = Held(priced, "claimed", AT - 100, claimed_cpu_milli=500, pod_started_at=AT)
    scraped.see(cycle(1, (held("a"), held("b", phase="unclaimed", nodes=3), going, held("z", phase="gone"))))
    told = [scraped.of("startds", member="m1", phase=phase) for phase in ("claimed", "unclaimed", "starting")]
    assert told == [2, 3, 0]
    assert scraped.of("startds", member="m2", phase="claimed") == 0
    assert scraped.of("supply_core_equivalents", member="m1", phase="unclaimed") == 3
    assert scraped.of("claimed_core_equivalents", member="m1") == 0.5
    assert scraped.of("cost_per_hour", member="m1") == 0.5
    assert (scraped.of("orphans", member="m1"), scraped.of("orphans", member="m2")) == (1, 0)


def test_states_ages_and_lives_are_told_and_ages_grow_without_cycles(scraped: Scraped) -> None:
    scraped.see(cycle(1, ()), Order("cordon", "m1", "why"))
    assert scraped.of("member_state", member="m2", state="lost") == 1
    assert scraped.of("member_state", member="m2", state="ready") == 0
    assert scraped.of("member_contact_age_seconds", member="m2") == 902
    assert scraped.of("member_seen_age_seconds", member="m2") is None
    assert scraped.of("member_credential_remaining_seconds", member="m1") == 86_398
    assert scraped.of("pool_token_remaining_seconds", pool="a", token="startd") == 988
    assert (scraped.of("schedd_seen_age_seconds", schedd="ce1"), scraped.of("pool_seen_age_seconds", pool="a")) == (
        9,
        4,
    )
    assert scraped.of("orders", kind="cordon") == 1
    scraped.now += 100
    assert scraped.of("cycle_age_seconds") == 102
    assert scraped.of("schedd_seen_age_seconds", schedd="ce1") == 109
    assert scraped.of("member_info", member="m2", mode="trial(3)") == 1


def test_shares_are_told_by_group_with_what_it_lacks_and_never_by_user(scraped: Scraped) -> None:
    scraped.see(cycle(1, ()))
    names = ("entitled", "counted", "charged", "wasted", "demand")
    told = [scraped.of(f"group_{name}_core_equivalents", group="physics") for name in names]
    assert told == [8, 4, 3, 0.5, 6]
    assert scraped.of("group_fairness_error_core_equivalents", group="physics") == 2, "it wants 6 of its 8"
    assert scraped.of("group_shortfall_core_equivalent_seconds", group="physics") == 700
    assert scraped.of("group_usage_core_equivalents", group="physics.hep") == 3
    body = scraped.text()
    assert not re.search(r"ada|bob|example", body)


def test_spikes_tiers_and_budgets_are_told_with_the_policy_s_limits(scraped: Scraped) -> None:
    spike = Spike("s1", AT - 50, peak=90.0, added=12, claimed=7, cost=3.5)
    memory: dict[str, Any] = {
        "surge": SurgeMemory(spikes=(spike,)),
        "spending": {"tier/cloud": Spending(AT, 4.0)},
        "tiers": {"cloud": TierState(open=True)},
    }
    scraped.see(cycle(1, (), **memory))
    assert [scraped.of(f"spike_{name}") for name in ("on", "seconds", "added", "claimed")] == [1, 62, 12, 7]
    assert scraped.of("spike_peak_core_equivalents") == 90
    assert scraped.of("tier_open", tier="cloud") == 1
    spent = [scraped.of("budget_spent", budget=budget) for budget in ("tier/cloud", "group/physics")]
    assert spent == [4, 0]
    limits = [scraped.of("budget_limit", budget=budget) for budget in ("tier/cloud", "group/physics")]
    assert limits == [10, 50]


def test_ends_and_bills_are_counted_once_although_every_cycle_tells_them_and_a_daemon_begins_anew(
    scraped: Scraped, tmp_path: Path
) -> None:
    victim = held("a", wanted="vacate", why=Reason(Cause.PREEMPTED, "p k", "PR7", "1"))
    failed = held("b", failure=Reason(Cause.IMAGE_PULL))
    bill = Spike("s1", AT, unclaimed_s=(("m1", "idle", 30.0),))
    more = Spike("s1", AT, unclaimed_s=(("m1", "idle", 45.0),))
    first = cycle(1, (victim, failed), (held("a"), held("b")), surge=SurgeMemory(spikes=(bill,)))
    second = cycle(2, (victim, failed), (victim, failed), surge=SurgeMemory(spikes=(more,)))
    past = msgspec.structs.replace(second.snapshot.memory, surge=SurgeMemory(spikes=(bill,)))
    second = msgspec.structs.replace(second, snapshot=msgspec.structs.replace(second.snapshot, memory=past))
    scraped.see(first)
    scraped.see(second)
    assert scraped.of("evictions_total", rule="PR7", member="m1") == 1
    assert scraped.of("placement_failures_total", cause="image-pull", member="m1") == 1
    assert scraped.of("spike_unclaimed_seconds_total", member="m1", cause="idle") == 45
    (tmp_path / "new").mkdir()
    again = Scraped(tmp_path / "new")
    again.see(second)
    assert again.of("evictions_total", rule="PR7", member="m1") is None, "counted before it began"
    assert again.of("spike_unclaimed_seconds_total", member="m1", cause="idle") == 15
    again.journal.close()


def test_what_nobody_claims_is_counted_from_when_it_was_unclaimed(scraped: Scraped) -> None:
    old = held("a", phase="unclaimed", since=AT - 100)
    new = held("b", phase="unclaimed", since=AT + 7, nodes=2)
    scraped.see(cycle(1, (old, new)))
    assert scraped.of("unclaimed_core_seconds_total", member="m1") == 10 + 2 * 3


def test_durations_and_changes_are_counted_over_cycles(scraped: Scraped) -> None:
    scraped.see(cycle(1, ()))
    scraped.see(cycle(2, ()))
    assert scraped.of("cycles_total") == 2
    assert scraped.of("changes_issued_total", kind="create") == 4
    assert scraped.of("changes_total", result="done") == 2
    assert scraped.of("cycle_seconds_count", part="decide") == 2
    assert scraped.of("cycle_seconds_bucket", part="decide", le="0.3") == 2
    assert scraped.of("cycle_last_seconds", part="total") == 0.28
    assert (scraped.of("blind", kind="member"), scraped.of("blind", kind="pool")) == (1, 0)


def test_how_forecasts_do_is_told(scraped: Scraped) -> None:
    right = Forecast("ce1", "1.0", "k", 1, AT, 5, 10, 20, 5, 20, started_s=12, settled_at=AT + 12)
    wrong = Forecast("ce1", "2.0", "k", 2, AT, 5, 10, 20, 5, 20, started_s=99, settled_at=AT + 99)
    scraped.journal.keep_forecasts((right, wrong))
    assert [scraped.of(name) for name in ("forecasts", "forecasts_right", "forecasts_wanted_ratio")] == [2, 1, 0.8]


def test_series_of_a_member_that_left_are_gone(scraped: Scraped) -> None:
    scraped.see(cycle(1, (held("a", "m2", phase="unclaimed"),)))
    assert 'member="m2"' in scraped.text()
    left = cycle(2, ())
    snapshot = msgspec.structs.replace(left.snapshot, terms=left.snapshot.terms[:1])
    scraped.see(msgspec.structs.replace(left, snapshot=snapshot))
    assert not re.search(r'member="(m2|\(other\))"', scraped.text()), "nor do its counts go on under another name"


def test_names_beyond_the_bound_are_added_up_and_hostile_ones_stay_labels(scraped: Scraped) -> None:
    one = cycle(1, ())
    terms = tuple(MemberTerms(f"m{n:03}") for n in range(203))
    hostile = 'x"} 1\nfedsched_healthy 7\n# \\'
    lines = (ShareLine(hostile, entitled=1000), *(ShareLine(f"g{n:03}", entitled=1000) for n in range(203)))
    plan = msgspec.structs.replace(one.plan, shares=lines)
    scraped.see(msgspec.structs.replace(one, plan=plan, snapshot=msgspec.structs.replace(one.snapshot, terms=terms)))
    assert scraped.of("member_state", member="(other)", state="never") == 3
    assert scraped.of("group_entitled_core_equivalents", group="(other)") == 4
    assert scraped.of("healthy") == 1
    for accept in ("", OPENMETRICS):
        for family in scraped.families(accept).values():
            for label in ("member", "group"):
                assert len({sample.labels.get(label) for sample in family.samples}) <= 202


def test_both_formats_are_read_by_the_official_parser_with_every_family_typed_and_explained(scraped: Scraped) -> None:
    scraped.see(cycle(1, (held("a"),)))
    for accept in ("text/plain;version=0.0.4", OPENMETRICS, "", "text/html"):
        kind = encoding(accept)[1]
        assert kind.startswith("application/openmetrics-text" if "openmetrics" in accept else "text/plain")
        found = scraped.families(accept)
        for family in FAMILIES:
            assert family.name in found or exposed(family) in found, family.name
    assert all(family.documentation for family in scraped.families(OPENMETRICS).values())


@pytest.mark.parametrize("version", ["abc", "99999999999999999999", "1e9", "", "é"])
def test_a_version_that_nobody_knows_gets_an_answer_all_the_same(version: str) -> None:
    for kind in ("application/openmetrics-text", "text/plain"):
        assert re.match(
            r"(text/plain|application/openmetrics-text); version=", encoding(f"{kind};version={version}")[1]
        )


def test_prometheus_is_answered_by_the_application_in_the_format_that_it_asks_for(scraped: Scraped) -> None:
    scraped.see(cycle(1, (held("a"),)))
    newest = Newest(tuple, 10.0, lambda: AT, "hep")
    application = App(newest, lambda: (200, {}), metrics=scraped.metrics)
    server = WebServer(["127.0.0.1:0"], application, application.close)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
            plain, asked = client.get("/metrics"), client.get("/metrics", headers={"Accept": OPENMETRICS})
            foreign = client.get("/metrics", headers={"Host": "evil.example"})
    finally:
        server.close()
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {family.name for family in prometheus(plain.text)} > {"fedsched_startds", "fedsched_healthy"}
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert asked.text.endswith("# EOF\n")
    assert foreign.status_code == 421 or foreign.status_code >= 400


def test_names_and_labels_are_as_prometheus_wants_them() -> None:
    units = r"(_seconds|_bytes|_total|_info|_ratio|_core_equivalents|_jobs|_core_equivalent_seconds)$"
    plain = {"healthy", "cycle_number", "changes_in_flight", "blind", "frozen", "orders", "web_streams", "forecasts"}
    for family in FAMILIES:
        name = exposed(family)
        assert re.fullmatch(r"fedsched_[a-z][a-z0-9_]*", name)
        assert family.text.endswith(".")
        assert not {"job", "class", "placement", "user", "principal", "schedd_job"} & set(family.labels)
        assert ("_total" in name) == (family.kind == "counter"), name
        if family.kind in {"histogram", "gaugehistogram"}:
            assert re.search(units, name), name
    assert plain <= {family.name.removeprefix("fedsched_") for family in FAMILIES}


def test_the_docs_name_every_metric_as_it_is() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert table() in page, "docs/metrics.md is behind fedsched/web/metrics/families.py: put table() into it"


def test_alert_rules_are_yaml_and_use_only_metrics_and_labels_that_a_scrape_has(scraped: Scraped) -> None:
    rules = [
        rule
        for group in yaml.safe_load((ROOT / "clusters" / "hub" / "alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]
    known = {exposed(family): set(family.labels) for family in FAMILIES}
    text = scraped_names(scraped)
    assert len(rules) == len({rule["alert"] for rule in rules}) >= 10
    for rule in rules:
        used = re.findall(r"fedsched_[a-z_]+", rule["expr"])
        assert used, rule["alert"]
        assert set(used) <= set(known), rule["alert"]
        assert set(used) <= text, rule["alert"]
        labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert all(labels <= known[name] for name in used), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "next"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])


def scraped_names(scraped: Scraped) -> set[str]:
    """Names of all families of a real scrape, as queries spell them."""
    scraped.see(cycle(1, (held("a"),)))
    found = scraped.families(OPENMETRICS)
    return {exposed(family) for family in FAMILIES if family.name in found}


def test_a_thousand_classes_on_a_hundred_members_are_no_more_series_than_places(
    scraped: Scraped,
) -> None:
    snapshot = at_work(round_of(1000, 100, 1000), 5000, full=True)
    why = Reason(Cause.NO_ROOM, "cpu_milli")
    classes = tuple(
        ClassReport(demand.key, demand.idle, 0, 0, demand.idle, Verdict.NOT_NOW, why, ((demand.idle, why),))
        for view in snapshot.observation.schedds
        for demand in view.classes
    )
    assert len(classes) == 1000
    lines = tuple(ShareLine(f"g{n}", entitled=n) for n in range(100))
    plan = Plan(1, snapshot.at, snapshot.memory.held, classes, snapshot.memory, shares=lines)
    scraped.now = snapshot.at
    scraped.see(Recorded(snapshot, plan, policy="p"))
    assert 2000 < scraped.text().count("\n") < 20_000
