"""What joining decides without a cluster: the hand-over, the options, the member's file, the credential store."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fedsched.config.member_write import render, write
from fedsched.config.members import load_member
from fedsched.config.settings import Credential
from fedsched.kube.join import credentials
from fedsched.kube.join.handover import handover
from fedsched.kube.join.member import member_file
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.join.request import PAIR_KEY, JoinRequest, check, parse_egress, parse_group, parse_mode, parse_pair
from fedsched.kube.join.standing import standing
from fedsched.kube.join.tokens import renew_due
from fedsched.kube.kubeconfig import Access
from fedsched.matchmaker.resources import Resources
from tests.kube.join_site import Operator

if TYPE_CHECKING:
    from fedsched.matchmaker.model import Visibility

REQUEST = JoinRequest(name="m1", federation="physics", namespace="fedsched")
ACCESS = Access(server="https://m1.example:6443", context="admin@m1")
TOKEN = Credential(
    server="https://m1.example", namespace="fedsched", token="secret-token", expires_at=1000.0, issued_at=0.0
)


@pytest.mark.parametrize("visibility", ["full", "nodes", "namespace"])
def test_the_hand_over_holds_exactly_what_join_would_make(visibility: Visibility) -> None:
    request = JoinRequest(name="m1", federation="physics", namespace="fedsched", visibility=visibility)
    own = visibility != "namespace"
    assert list(yaml.safe_load_all(handover(request))) == standing(request, own_namespace=own)


def test_a_guest_hand_over_is_not_cluster_scoped() -> None:
    text = handover(JoinRequest(name="m1", federation="physics", namespace="guest", visibility="namespace"))
    kinds = {manifest["kind"] for manifest in yaml.safe_load_all(text)}
    assert not kinds & {"Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass"}


@pytest.mark.parametrize("visibility", ["full", "nodes", "namespace"])
def test_no_rule_has_a_wildcard_and_cluster_rules_only_read(visibility: Visibility) -> None:
    request = JoinRequest(name="m1", federation="f", namespace="f", visibility=visibility, forms=("startd-daemonset",))
    for manifest in standing(request, own_namespace=True):
        for rule in manifest.get("rules", ()):
            assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])
            if manifest["kind"] == "ClusterRole":
                assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_a_namespace_of_ours_is_bounded_in_pods_and_in_nothing_that_slows_its_controllers() -> None:
    (quota,) = [m for m in standing(REQUEST, own_namespace=True) if m["kind"] == "ResourceQuota"]
    assert quota["spec"]["hard"] == {"pods": "500"}


def test_nobody_may_connect_to_our_pods_and_metadata_is_out_of_reach() -> None:
    (policy,) = [m for m in standing(REQUEST, own_namespace=True) if m["kind"] == "NetworkPolicy"]
    assert policy["spec"]["ingress"] == []
    open_to_all = policy["spec"]["egress"][1]["to"][0]["ipBlock"]
    assert {"169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(open_to_all["except"])


def test_printing_the_hand_over_asks_no_cluster_and_needs_no_kubeconfig(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    code, said = Operator(tmp_path, capsys).run("join", "m1", "--print-rbac")
    assert code == 0
    assert len(list(yaml.safe_load_all(said))) == 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1.2.3:9618", ("10.1.2.3/32", 9618)),
        ("10.1.2.3/32:9618", ("10.1.2.3/32", 9618)),
        ("10.1.0.0/16", ("10.1.0.0/16", 0)),
        ("fd00::/8:443", ("fd00::/8", 443)),
    ],
)
def test_egress_is_a_network_with_or_without_port(text: str, expected: tuple[str, int]) -> None:
    found = parse_egress(text)
    assert (found.cidr, found.port) == expected


@pytest.mark.parametrize("text", ["", "host:9618", "10.1.2.3/33", "10.1.2.3:70000", "0x10.1", "10.0.0.0/8:1:2"])
def test_other_egress_is_refused(text: str) -> None:
    with pytest.raises(JoinError, match="CIDR"):
        parse_egress(text)


def test_a_declared_group_has_shape_and_count() -> None:
    group = parse_group("big=cpu:8,memory:32Gi,nodes:10,gpu:1,xilinx.com/fpga:2")
    assert group.allocatable == Resources(8000, 32 * 1024, gpus=1, other=(("xilinx.com/fpga", 2),))
    assert (group.name, group.nodes, group.gpu_resource) == ("big", 10, "nvidia.com/gpu")


HALF_DECLARED = (
    "",
    "big",
    "big=",
    "big=cpu:8",
    "big=cpu:8,memory:32Gi",
    "big=cpu:8,memory:32,nodes:1",
    "B=cpu:1,memory:1Gi,nodes:1",
    "big=cpu:8,memory:1Gi,nodes:0",
    "big=cpu:8,cpu:8,memory:1Gi,nodes:1",
    "big=cpu:-8,memory:1Gi,nodes:1",
)


@pytest.mark.parametrize("text", HALF_DECLARED)
def test_a_half_declared_group_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(JoinError, match="node group"):
        parse_group(text)


def test_modes_are_three() -> None:
    assert (parse_mode("observe"), parse_mode("on"), parse_mode("trial(7)")) == (
        ("observe", 2),
        ("on", 2),
        ("trial", 7),
    )
    with pytest.raises(JoinError):
        parse_mode("trial(x)")


@pytest.mark.parametrize("name", ["", "M1", "../m1", "a/b", "-a", "a" * 41, "a.b", "a\n"])
def test_a_member_name_that_could_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(JoinError, match="member name"):
        check(JoinRequest(name=name, federation="f", namespace="ns"))


def test_the_clusters_own_namespaces_are_refused() -> None:
    with pytest.raises(JoinError, match="belongs to the cluster"):
        check(JoinRequest(name="m1", federation="f", namespace="kube-system"))


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


@pytest.mark.parametrize(("option", "example"), [("--label", "environment=production"), ("--quota", "pods=500")])
def test_what_is_no_pair_is_refused_with_an_example_that_is_one(option: str, example: str) -> None:
    with pytest.raises(JoinError) as refused:
        parse_pair("count/jobs.batch", option)
    assert (refused.value.what, refused.value.way_out) == (
        f"{option} 'count/jobs.batch' is not key=value",
        f"{option} {example}",
    )
    assert parse_pair(example, option) == tuple(example.split("="))


@given(
    labels=st.dictionaries(st.from_regex(PAIR_KEY, fullmatch=True), TEXT, max_size=4),
    region=TEXT,
    latitude=st.none() | st.floats(-90, 90),
    price=st.floats(0, 1e6),
    cpu=st.integers(1, 10**6),
    memory=st.integers(1, 2**40),
)
def test_what_join_writes_the_daemon_reads_back(
    labels: dict[str, str], region: str, latitude: float | None, price: float, cpu: int, memory: int
) -> None:
    group = parse_group(f"g=cpu:{cpu}m,memory:{memory}Mi,nodes:3")
    request = JoinRequest(
        name="m1",
        federation="f",
        namespace="ns",
        visibility="namespace",
        labels=tuple(sorted(labels.items())),
        region=region,
        latitude=latitude,
        price=price,
        groups=(group,),
        egress=(parse_egress("fd00::/8:443"),),
        image="registry.example/x@sha256:0",
    )
    member = member_file(ACCESS, request)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m1.toml"
        path.write_text(render(member), encoding="utf-8")
        found = load_member(path)
    assert (found.labels, found.region, found.latitude) == (member.labels, region, latitude)
    assert (found.terms, found.groups, found.egress) == (member.terms, member.groups, member.egress)


def test_an_edited_member_file_is_never_overwritten(tmp_path: Path) -> None:
    path, member = tmp_path / "m1.toml", member_file(ACCESS, REQUEST)
    other = member_file(ACCESS, JoinRequest(name="m1", federation="f", namespace="fedsched", price=2.0))
    assert write(path, member)[0] == "made"
    assert write(path, member)[0] == "unchanged"
    assert write(path, other)[0] == "changed"
    path.write_text(path.read_text() + "# mine\n")
    done, difference = write(path, member)
    assert done == "kept"
    assert "price_per_core_hour" in difference
    assert path.read_text().endswith("# mine\n")


def test_a_credential_is_for_our_eyes_only(tmp_path: Path) -> None:
    path = tmp_path / "credentials" / "m1.json"
    credentials.save(path, TOKEN)
    assert credentials.load(path) == TOKEN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["m1.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_credential_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "m1.json"
    credentials.save(path, TOKEN)
    path.chmod(mode)
    with pytest.raises(JoinError, match="lets others read it") as refused:
        credentials.load(path)
    assert "secret-token" not in str(refused.value)


def test_a_credential_that_is_a_link_or_broken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m1.json"
    credentials.save(path, TOKEN)
    (tmp_path / "link.json").symlink_to(path)
    with pytest.raises(JoinError):
        credentials.load(tmp_path / "link.json")
    path.write_text('{"server": "secret-token')
    with pytest.raises(JoinError, match="content not shown") as refused:
        credentials.load(path)
    assert "secret-token" not in str(refused.value)
    with pytest.raises(JoinError):
        credentials.load(tmp_path / "missing.json")


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(JoinError, match="chmod 700"):
        credentials.save(folder / "m1.json", TOKEN)


def test_a_reader_sees_the_old_or_the_new_credential_and_never_half(tmp_path: Path) -> None:
    path, ends = tmp_path / "m1.json", threading.Event()
    versions = [Credential(server="https://m", namespace="n", token=letter * 5000) for letter in "ab"]
    credentials.save(path, versions[0])

    def swap() -> None:
        while not ends.is_set():
            for version in versions:
                credentials.save(path, version)

    writer = threading.Thread(target=swap)
    writer.start()
    try:
        assert all(credentials.load(path) in versions for _ in range(300))
    finally:
        ends.set()
        writer.join()


def test_a_token_is_renewed_before_four_fifths_of_its_life() -> None:
    assert not renew_due(TOKEN, 590.0)
    assert renew_due(TOKEN, 610.0)
    assert not renew_due(Credential(server="s", namespace="n", token="t"), 1e12)


def test_a_stored_credential_belongs_to_us(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = tmp_path / "m1.json"
    credentials.save(path, TOKEN)
    os.chown(path, 12345, 12345)
    with pytest.raises(JoinError, match="uid 12345"):
        credentials.load(path)
