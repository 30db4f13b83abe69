"""What a federation's files become, and what is said of wrong ones; the shipped policies are tested beside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.config import ConfigError, check, load, load_member, schemas
from fedsched.config.lines import line_of
from fedsched.matchmaker.resources import Resources
from tests.config.builders import CREDENTIAL, FEDERATION, MEMBER, credential, federation

if TYPE_CHECKING:
    from pathlib import Path


def said(file: Path) -> list[str]:
    """Problems as "name:line: key: text"."""
    return [str(problem).replace(f"{problem.file.parent}/", "") for problem in check(file)]


def test_a_right_federation_is_loaded_with_absolute_paths(tmp_path: Path) -> None:
    files = load(federation(tmp_path))
    assert files.federation.clusters == tmp_path / "clusters"
    assert files.federation.journal == f"sqlite:{tmp_path / 'fedsched.db'}"
    assert [member.name for member in files.members] == ["m1"]
    assert files.policy.name == "fair-share"
    assert check(tmp_path / "fedsched.toml") == ()


def test_every_part_of_a_members_file_reaches_its_field(tmp_path: Path) -> None:
    file = tmp_path / "m1.toml"
    file.write_text(
        MEMBER
        + """
mode = "trial(7)"
max_lifetime = "2h"
yield = "90s"
price_per_core_hour = 0.04
egress = ["10.1.2.3/32:9618"]
requirements = "TARGET.RequestCpus < 9"
[place]
region = "us-west"
latitude = 32.7
[attributes]
HasCvmfs = "true"
[ceiling]
cpu = "500m"
memory = "1.5 GiB"
gpus = 0
"xilinx.com/fpga" = 2
[leave_free]
"*" = { cpu = 2, memory = "4Gi" }
[budgets]
requests_per_s = 3
[overrides]
image = "registry.example/startd@sha256:00"
env = { A = "b" }
tolerations = [{ key = "k", operator = "Exists" }]
[[node_group]]
name = "big"
selector = { pool = "big" }
grow = "5m"
"""
    )
    member = load_member(file)
    terms = member.terms
    assert (terms.mode, terms.trial, terms.max_lifetime_s, terms.yield_s) == ("trial", 7, 7200, 90)
    assert terms.ceiling == Resources(cpu_milli=500, memory_mib=1536, other=(("xilinx.com/fpga", 2),))
    assert terms.ceiling_names == {"cpu_milli", "memory_mib", "gpus", "xilinx.com/fpga"}
    assert terms.leave_free == (("*", Resources(cpu_milli=2000, memory_mib=4096)),)
    assert terms.image == member.overrides.image == "registry.example/startd@sha256:00"
    assert terms.attributes == (("HasCvmfs", "true"),)
    assert terms.price_per_core_hour == 0.04
    assert terms.budgets.requests_per_s == 3
    assert (member.region, member.latitude, member.longitude) == ("us-west", 32.7, None)
    assert member.groups[0].selector == (("pool", "big"),)
    assert member.groups[0].grow_s == 300
    assert member.overrides.tolerations == ({"key": "k", "operator": "Exists"},)
    assert member.path == file


WRONG_MEMBERS = {
    "a key that nobody knows": ('mdoe = "on"', 'm1.toml:5: mdoe: unknown key; did you mean "mode"?'),
    "broken TOML": ("mode = ", "m1.toml:5: not TOML: Invalid value"),
    "a wrong type": ("forms = 3", "m1.toml:5: forms: expected a list"),
    "a wrong item": ('forms = ["startd-job", "pod"]', "m1.toml:5: forms[1]: expected one of startd-job"),
    "a mode without its number": ('mode = "trial"', "m1.toml:5: mode: expected observe, trial(n) or on, not 'trial'"),
    "memory without a unit": ("[ceiling]\nmemory = 96", "m1.toml:6: ceiling.memory: expected a size with its unit"),
    "a negative core": ("[ceiling]\ncpu = -1", "m1.toml:6: ceiling.cpu: expected cores"),
    "a number that is none": ("price_per_core_hour = nan", "m1.toml:5: price_per_core_hour: expected a number"),
    "an infinite duration": ("yield = inf", "m1.toml:5: yield: expected a duration"),
    "a true number": ("[budgets]\npods_pulling = true", "m1.toml:6: budgets.pods_pulling: expected a whole number"),
    "an expression that does not parse": ('requirements = "a &&"', "m1.toml:5: requirements: expected a ClassAd"),
    "an expression that may not be": ('requirements = "random(3) > 1"', "m1.toml:5: requirements: expected a ClassAd"),
    "an attribute's expression": ('[attributes]\nA = "(("', "m1.toml:6: attributes.A: expected a ClassAd"),
    "a pool that does not exist": ('pools = ["z"]', 'm1.toml: pools: no pool "z" in fedsched.toml'),
    "a table in the wrong place": ("place = 1", "m1.toml:5: place: expected a table"),
    "one node group as a table": ('[node_group]\nname = "x"', "m1.toml:5: node_group: expected one or more tables"),
    "the second node group": (
        '[[node_group]]\nname = "x"\n[[node_group]]\nname = "X"',
        "m1.toml:8: node_group[1].name",
    ),
    "a node group twice": ('[[node_group]]\nname = "x"\n[[node_group]]\nname = "x"', 'a second node group "x"'),
    "no group where none can be seen": ('visibility = "namespace"', "m1.toml:1: node_group: is missing"),
    "an unknown resource": ("[leave_free]\nbig = { ram = 1 }", "m1.toml:6: leave_free.big.ram: unknown resource"),
    "an address that is none": ('egress = ["proxy"]', "m1.toml:5: egress[0]: expected"),
}


@pytest.mark.parametrize(("line", "expected"), WRONG_MEMBERS.values(), ids=WRONG_MEMBERS)
def test_a_wrong_members_file_is_named_with_file_line_and_key(tmp_path: Path, line: str, expected: str) -> None:
    file = federation(tmp_path, members={"m1": MEMBER + line + "\n"})
    (problem,) = said(file)
    assert expected in problem
    with pytest.raises(ConfigError):
        load(file)


WRONG_FEDERATIONS = {
    "an unknown policy": (FEDERATION.replace("fair-share", "fair-shore"), 'did you mean "fair-share"?'),
    "a pool twice": (FEDERATION + '[[pool]]\nname = "a"\ncollector = "b:1"\n', 'fedsched.toml:8: pool[1].name: "a"'),
    "a collector without port": (FEDERATION.replace(":9618", ""), 'pool[0].collector: expected "host:port"'),
    "a journal of an unknown kind": ('journal = "redis://x"\n' + FEDERATION, "fedsched.toml:1: journal: expected"),
    "a bad id": (FEDERATION.replace('"hep"', '"HEP 1"'), "fedsched.toml:1: id: expected a name"),
    "a cycle without pause": (FEDERATION + "[cadence]\ncycle_s = 0\n", "fedsched.toml:8: cadence.cycle_s: expected at"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG_FEDERATIONS.values(), ids=WRONG_FEDERATIONS)
def test_a_wrong_federation_is_named_with_file_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = said(federation(tmp_path, text))
    assert expected in problem


def test_what_jobs_may_be_at_a_member_reaches_its_rules_and_its_terms(tmp_path: Path) -> None:
    rules = """
[jobs]
namespaces = ["atlas", "reana-*"]
objects = ["PersistentVolumeClaim/cvmfs"]
copied = ["Secret"]
tolerations = ["gpu"]
grants = ["serviceAccountName=runner"]
run_as_user = 1000
grace_s = 60
env = { http_proxy = "http://squid:3128" }
"""
    (tmp_path / "m1.toml").write_text(MEMBER + rules)
    member = load_member(tmp_path / "m1.toml")
    for told in (member.jobs, member.terms.jobs):
        assert told.namespaces == ("atlas", "reana-*")
        assert told.objects == ("PersistentVolumeClaim/cvmfs",)
        assert (told.copied, told.tolerations, told.grants) == (("Secret",), ("gpu",), ("serviceAccountName=runner",))
    assert (member.jobs.run_as_user, member.jobs.grace_s) == (1000, 60)
    assert member.jobs.env == (("http_proxy", "http://squid:3128"),)


def test_a_federation_needs_neither_a_pool_nor_a_queue(tmp_path: Path) -> None:
    assert said(federation(tmp_path, 'id = "hep"\n')) == []


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    members = {"m1": MEMBER + "a = 1\nb = 2\n", "m2": "name = 'm2'\n"}
    keys = [line.split(": ")[1] for line in said(federation(tmp_path, members=members))]
    assert sorted(keys) == ["a", "b", "credential", "namespace"]


def test_a_member_is_called_as_its_file(tmp_path: Path) -> None:
    (problem,) = said(federation(tmp_path, members={"m2": MEMBER}))
    assert problem == 'm2.toml:1: name: expected "m2", the name of the file'


def test_one_namespace_joined_under_two_names_would_count_twice(tmp_path: Path) -> None:
    again = MEMBER.replace('"m1"', '"m2"').replace("m1.json", "m2.json")
    (problem,) = said(federation(tmp_path, members={"m1": MEMBER, "m2": again}))
    assert 'm2.toml: server: the same server and namespace as member "m1"' in problem


CREDENTIALS = {
    "missing": (None, 0, "m1.json: No such file or directory"),
    "readable by others": (CREDENTIAL, 0o640, "others may read it; run: chmod 600"),
    "broken": (CREDENTIAL[:-1], 0o600, "is not a credential; make it again: fedsched join m1"),
    "of another namespace": (CREDENTIAL.replace("fedsched", "other"), 0o600, "the credential is for namespace 'other'"),
}


@pytest.mark.parametrize(("text", "mode", "expected"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_that_cannot_be_used_is_named_and_never_shown(
    tmp_path: Path, text: str | None, mode: int, expected: str
) -> None:
    file = federation(tmp_path)
    path = tmp_path / "credentials" / "m1.json"
    path.unlink()
    if text is not None:
        credential(path, text, mode)
    (problem,) = said(file)
    assert expected in problem
    assert "t0p-secret" not in problem


def test_a_credential_outside_its_folder_is_refused(tmp_path: Path) -> None:
    member = MEMBER.replace('"m1.json"', '"../m1.json"')
    (problem,) = said(federation(tmp_path, members={"m1": member}))
    assert "m1.toml:3: credential: expected a path inside" in problem


def test_a_secret_pasted_into_the_wrong_key_does_not_come_back_whole(tmp_path: Path) -> None:
    secret = "eyJhbGciOiJIUzI1NiJ9." + "x" * 200
    (problem,) = said(federation(tmp_path, members={"m1": MEMBER + f'mode = "{secret}"\n'}))
    assert secret not in problem
    assert len(problem) < 200


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"a = 1\n" * 300_000, b"a = " + b"[" * 50_000, b"\0", b"id = 1\nid = 2"]
)
def test_hostile_bytes_end_in_one_problem(tmp_path: Path, content: bytes) -> None:
    file = federation(tmp_path)
    (tmp_path / "clusters" / "m1.toml").write_bytes(content)
    (problem,) = check(file)
    assert problem.file.name == "m1.toml"


def test_a_missing_file_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    assert said(tmp_path / "fedsched.toml") == ["fedsched.toml: cannot be read: No such file or directory"]


KEY = st.from_regex(r"[a-z]{1,4}", fullmatch=True)


@given(
    st.lists(st.tuples(KEY, st.sampled_from(['"a # = ["', "[1,\n 2]", "'''x\n= [y]\n'''", "{ q = 1 }"])), max_size=8)
)
def test_the_line_of_a_key_is_found_whatever_stands_in_values(pairs: list[tuple[str, str]]) -> None:
    text = "# = [ {\n"
    expected = {}
    for place, (name, value) in enumerate(pairs):
        text += f"[[t]] # [x]\nplace = {place}\n"
        expected["t", place, name] = text.count("\n") + 1
        text += f'"{name}" = {value}\n'
    assert {path: line_of(text, path) for path in expected} == expected


def test_the_schemas_know_every_key_that_the_files_know() -> None:
    made = schemas()
    json.dumps(made)
    cluster: dict[str, Any] = made["member"]["properties"]
    assert cluster["node_group"]["items"]["required"] == ["name"]
    assert cluster["mode"]["pattern"]
    assert made["policy"]["properties"]["startds"]["properties"]["idle_s"]["anyOf"]
    assert made["federation"]["required"] == ["id"]
    assert made["federation"]["additionalProperties"] is False
