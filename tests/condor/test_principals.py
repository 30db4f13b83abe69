"""Who is charged: the same principal from a job's ad and from the slot that it claims, and nobody by free text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.condor.principals import Origin, principal
from fedsched.config.settings import PrincipalRule
from fedsched.matchmaker.model import Principal

RULES = (
    PrincipalRule(schedd="schedd-b@pool-a", groups=("group_atlas", "group_atlas.*"), pool="a"),
    PrincipalRule(schedd="schedd-c@pool-a", groups=("*",), user_domain="c.example.org"),
    PrincipalRule(schedd="*@pool-a", groups=("group_guests",), default="open"),
)
B = Origin("b.lab", "schedd-b@pool-a", "a")
C = Origin("c.lab", "schedd-c@pool-a", "a")


@pytest.mark.parametrize(
    ("account", "user", "who"),
    [
        ("group_atlas.ml.alice", "alice@pool-b", Principal("group_atlas.ml", "alice@pool-b")),
        ("group_atlas.john.smith", "john.smith@pool-b", Principal("group_atlas", "john.smith@pool-b")),
        ("group_atlas.production", "alice@pool-b", Principal("group_atlas", "production@pool-b")),
        ("Group_Atlas.alice", "alice@pool-b", Principal("Group_Atlas", "alice@pool-b")),
        ("group_cms.alice", "alice@pool-b", Principal("guest.b.lab", "alice@pool-b")),
        ("group_atlasx.alice", "alice@pool-b", Principal("guest.b.lab", "alice@pool-b")),
        ("", "alice@pool-b", Principal("guest.b.lab", "alice@pool-b")),
        ("alice", "alice@pool-b", Principal("guest.b.lab", "alice@pool-b")),
    ],
)
def test_a_schedd_names_only_the_groups_that_are_listed_for_it(account: str, user: str, who: Principal) -> None:
    assert principal(account, user, B, RULES) == who


def test_a_claim_is_charged_to_whom_its_job_was() -> None:
    for account in ("group_atlas.ml.alice", "group_cms.alice", "group_atlas.john.smith"):
        owner = "john.smith@pool-b" if "smith" in account else "alice@pool-b"
        job, slot = (principal(text, owner, B, RULES) for text in (account, f"{account}@pool-b"))
        assert job == slot


def test_the_first_rule_that_fits_decides() -> None:
    assert principal("group_cms.x.carol", "carol@pool-c", C, RULES) == Principal("group_cms.x", "carol@c.example.org")
    other = Origin("d.lab", "schedd-d@pool-a", "a")
    assert principal("group_guests.carol", "carol@d", other, RULES).group == "group_guests"
    assert principal("group_atlas.carol", "carol@d", other, RULES).group == "open"


def test_a_rule_for_one_pool_says_nothing_of_another() -> None:
    elsewhere = Origin("b.lab", "schedd-b@pool-a", "z")
    assert principal("group_atlas.alice", "alice@pool-b", elsewhere, RULES).group == "open"


def test_a_name_is_not_an_identity() -> None:
    impostor = Origin("schedd-b@pool-a", "unauthenticated@unmapped", "a")
    assert principal("group_atlas.alice", "alice@x", impostor, RULES).group == "guest.schedd-b_pool-a"


def test_without_any_rule_everybody_is_a_guest_of_the_schedd() -> None:
    assert principal("group_atlas.alice", "alice@x", B, ()) == Principal("guest.b.lab", "alice@x")


@given(st.text(max_size=600), st.text(max_size=600), st.text(max_size=600))
def test_any_name_gives_a_bounded_principal_in_a_listed_group(account: str, user: str, schedd: str) -> None:
    who = principal(account, user, Origin(schedd, "schedd-b@pool-a", "a"), RULES)
    assert len(who.group) <= 200
    assert len(who.user) <= 200
    assert who.group.startswith("guest.") or who.group.lower().startswith("group_atlas")
    assert not set('\n\r\t "\\\0') & set(who.user)
