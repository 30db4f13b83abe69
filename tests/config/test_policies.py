"""The shipped policies load, say everything that can be said, and differ where their names promise it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fedsched.config import ConfigError, load_policy
from fedsched.config.policy_keys import POLICY
from fedsched.config.tables import Table
from fedsched.matchmaker.model import Policy

SHIPPED = Path(__file__).parents[2] / "policies"
NAMES = ["conference-spike", "fair-share", "frugal", "nrp-guest", "owner-first"]


def test_exactly_the_promised_policies_are_shipped() -> None:
    assert sorted(file.stem for file in SHIPPED.glob("*.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_says_every_key(name: str) -> None:
    """Whoever copies one sees all that can be changed."""
    assert load_policy(name, SHIPPED).name == name
    written = tomllib.loads((SHIPPED / f"{name}.toml").read_text())
    for key in POLICY.keys:
        assert key.name in written
        if isinstance(key.kind, Table):
            assert {inner.name for inner in key.kind.keys} == set(written[key.name])


def test_fair_share_is_the_default() -> None:
    assert load_policy("fair-share", SHIPPED) == Policy()


def test_owners_wait_less_under_owner_first() -> None:
    ours, plain = load_policy("owner-first", SHIPPED), load_policy("fair-share", SHIPPED)
    assert ours.startds.lifetime_s < plain.startds.lifetime_s
    assert ours.startds.idle_s < plain.startds.idle_s
    assert ours.silence.silent_s < plain.silence.silent_s


def test_a_federations_own_policy_goes_before_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "frugal.toml").write_text("max_classes = 7\n")
    policy = load_policy("frugal", tmp_path)
    assert (policy.name, policy.max_classes) == ("frugal", 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name = "other"', 'p.toml:1: name: expected "p"'),
        ("[silence]\nsilent_s = 5\nlost_s = 1", "p.toml:1: silence: expected slow_s <= silent_s <= lost_s"),
        ("[startds]\nretire_s = '12h'", "p.toml:2: startds.retire_s: expected less than lifetime_s"),
        ("[ramp]\nfirst = 0", "p.toml:2: ramp.first: expected a whole number from 1"),
        ("rank = '1 +'", "p.toml:1: rank: expected a ClassAd expression"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "p.toml").write_text(text + "\n")
    with pytest.raises(ConfigError) as caught:
        load_policy("p", tmp_path)
    assert expected in str(caught.value)
