"""What may be written at a member: golden manifests, and the promise that nothing hostile gets into one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fedsched.config.settings import MemberFile
from fedsched.kube import manifests, overrides
from fedsched.kube.digest import digest
from fedsched.kube.manifests import Manifest
from fedsched.kube.vetting import RefusedError
from fedsched.matchmaker.model import Placement, Principal, Taint, names
from fedsched.matchmaker.resources import Resources
from tests.kube.write_builders import FEDERATION, NOW, OWNER, member, placement, worker

GOLDEN = Path(__file__).parent.parent / "golden" / "manifests"
CVMFS = {"name": "cvmfs", "persistentVolumeClaim": {"claimName": "cvmfs", "readOnly": True}}
BIDIRECTIONAL = {"name": "cvmfs", "mountPath": "/cvmfs", "mountPropagation": "Bidirectional"}
RICH = member(
    namespace="lent",
    terms={"images": ("registry.example/startd@sha256:*",), "pod_overhead": Resources(cpu_milli=100, memory_mib=256)},
    env=(("XCACHE_HOST", "cache.site.example:1094"),),
    labels=(("kueue.x-k8s.io/queue-name", "guests"),),
    annotations=(("site.example/contact", "ops@site.example"),),
    node_selector=(("pool", "lent"),),
    tolerations=({"key": "lent", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},),
    pull_secrets=("registry",),
    volumes=(CVMFS,),
    mounts=({"name": "cvmfs", "mountPath": "/cvmfs", "readOnly": True, "mountPropagation": "HostToContainer"},),
    probe="test -d /cvmfs/atlas.cern.ch && echo HasCvmfs = true\n",
)
FPGA = placement(
    id="p-0002",
    size=Resources(cpu_milli=7500, memory_mib=98_304, disk_mib=51_200, gpus=2, pods=1, other=(("xilinx.com/fpga", 1),)),
    units=2,
    gpu_resource="nvidia.com/gpu",
    image="registry.example/startd@sha256:0123",
    selector=(("gpu", "a100"),),
    taints=(Taint("lent", "yes", "NoSchedule"),),
    share="group",
)
TRUSTED = member(allow_privileged=True, allow_host_network=True)
WHOLE = placement(form="startd-daemonset", selector=(("pool", "lent"),))
CASES: dict[str, tuple[Placement, MemberFile, str]] = {
    "job": (placement(selector=(("kubernetes.io/arch", "amd64"),)), member(), "guests"),
    "job-with-all-overrides": (FPGA, RICH, "guests"),
    "daemonset": (WHOLE, member(), "guests"),
    "daemonset-privileged": (WHOLE, TRUSTED, ""),
}


def made(wanted: Placement, file: MemberFile | None = None, priority_class: str = "guests") -> Manifest:
    return manifests.manifest(wanted, file or member(), worker(), OWNER, priority_class)


def container(manifest: Manifest) -> dict[str, Any]:
    return dict(manifest["spec"]["template"]["spec"]["containers"][0])


@pytest.mark.parametrize("name", CASES)
def test_the_manifest_is_the_one_that_was_reviewed(name: str) -> None:
    """After a change that is meant: FEDSCHED_GOLDEN=write, then read the difference."""
    text = yaml.safe_dump(made(*CASES[name]), sort_keys=True, width=110)
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("FEDSCHED_GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("name", [name for name in CASES if name != "daemonset-privileged"])
def test_every_pod_is_restricted(name: str) -> None:
    spec = made(*CASES[name])["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "fsGroup" not in spec["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    inside = spec["containers"][0]["securityContext"]
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert (inside["privileged"], inside["allowPrivilegeEscalation"], inside["readOnlyRootFilesystem"]) == (
        False,
        False,
        True,
    )
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}
    assert all("hostPath" not in volume for volume in spec["volumes"])


def test_only_a_daemonset_is_privileged_even_where_the_file_allows_it() -> None:
    spec = made(placement(), TRUSTED)["spec"]["template"]["spec"]
    assert spec["containers"][0]["securityContext"]["privileged"] is False
    assert "hostNetwork" not in spec


@pytest.mark.parametrize("name", CASES)
def test_requests_are_limits(name: str) -> None:
    resources = container(made(*CASES[name]))["resources"]
    assert resources["requests"] == resources["limits"]
    assert {"cpu", "memory", "ephemeral-storage"} <= resources["limits"].keys()


def test_the_digest_covers_everything_but_itself() -> None:
    first = made(placement())
    notes = first["metadata"]["annotations"]
    assert notes[names.NOTE_DIGEST] == digest(first)
    assert digest(made(placement(idle_s=301))) != digest(first)
    assert digest(made(placement(), priority_class="other")) != digest(first)


def test_the_digest_is_the_same_after_a_journal_has_kept_the_placement() -> None:
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(FPGA), type=Placement)
    assert made(kept, RICH) == made(FPGA, RICH)
    equal_not_identical = bytes([117, 115, 101, 114]).decode()
    assert made(placement(share=equal_not_identical)) == made(placement())


def test_a_daemonset_without_a_node_group_would_take_all_nodes_and_is_refused() -> None:
    with pytest.raises(RefusedError, match="all nodes"):
        made(placement(form="startd-daemonset"))


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        ({"volumes": ({"name": "root", "hostPath": {"path": "/"}},)}, "allow_host_path"),
        ({"volumes": ({"name": "t", "projected": {"sources": []}},)}, "must be one of"),
        ({"volumes": ({"name": "fedsched-token", "emptyDir": {}},)}, "fedsched"),
        ({"volumes": ({"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}})}, "same name"),
        ({"mounts": ({"name": "nowhere", "mountPath": "/x"},)}, "name of a volume"),
        ({"volumes": (CVMFS,), "mounts": ({"name": "cvmfs", "mountPath": "/etc/fedsched"},)}, "in the way"),
        ({"volumes": (CVMFS,), "mounts": ({"name": "cvmfs", "mountPath": "/"},)}, "in the way"),
        ({"volumes": (CVMFS,), "mounts": ({"name": "cvmfs", "mountPath": "/pilot/x"},)}, "in the way"),
        ({"volumes": (CVMFS,), "mounts": ({"name": "cvmfs", "mountPath": "/a/../etc"},)}, "absolute"),
        ({"volumes": (CVMFS,), "mounts": (BIDIRECTIONAL,)}, "privileged"),
        ({"labels": ((names.LABEL_PLACEMENT, "mine"),)}, "fedsched's own"),
        ({"labels": ((names.MANAGED_BY, "me"),)}, "fedsched's own"),
        ({"annotations": ((names.NOTE_LEAVE, "1"),)}, "fedsched's own"),
        ({"env": (("FEDSCHED_USER", "root"),)}, "fedsched's own"),
        ({"env": (("BAD NAME", "x"),)}, "may not go"),
        ({"env": (("X", "two\nlines"),)}, "printable"),
        ({"tolerations": ({"operator": "Exists"},)}, "key of one taint"),
        ({"run_as_user": 0}, "must not be root"),
        ({"image": ""}, "no startd image"),
        ({"pull_secrets": ("../x",)}, "pull secret"),
        ({"probe": "x" * 1_000_000}, "shorten"),
    ],
)  # fmt: skip
def test_a_members_file_cannot_reach_what_is_ours(overrides: dict[str, Any], word: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(word)):
        made(placement(), member(**overrides)) and manifests.files_map(worker(), member(**overrides), OWNER)


def test_a_host_path_comes_only_where_the_file_allows_it() -> None:
    volume = {"name": "scratch", "hostPath": {"path": "/scratch"}}
    mount = {"name": "scratch", "mountPath": "/scratch"}
    spec = made(placement(), member(volumes=(volume,), mounts=(mount,), allow_host_path=True))["spec"]["template"][
        "spec"
    ]
    assert volume in spec["volumes"]


def test_a_taint_that_the_members_file_does_not_tolerate_is_named() -> None:
    with pytest.raises(RefusedError, match="taint gpu=only:NoSchedule"):
        made(placement(taints=(Taint("gpu", "only", "NoSchedule"),)))


def test_taints_bar_us_unless_the_members_file_tolerates_them() -> None:
    gpu, soft = Taint("gpu", "only", "NoSchedule"), Taint("cheap", "", "PreferNoSchedule")
    gone = Taint("old", "", "NoExecute")
    assert overrides.barring((gpu, soft, gone), ()) == (gpu, gone)
    assert overrides.barring((gpu, gone), ({"key": "gpu", "operator": "Exists"},)) == (gone,)
    assert overrides.barring((gpu,), ({"key": "gpu", "value": "other"},)) == (gpu,)
    assert overrides.barring((gpu,), ({"operator": "Exists"},)) == (gpu,), "the file must name the taint"


def test_a_node_label_of_the_file_may_not_contradict_the_group() -> None:
    with pytest.raises(RefusedError, match="contradicts"):
        made(placement(selector=(("pool", "a"),)), member(node_selector=(("pool", "b"),)))


def test_an_image_comes_from_the_file_or_its_list() -> None:
    with pytest.raises(RefusedError, match="not among"):
        made(placement(image="evil.example/x:latest"))


def test_gpus_without_a_resource_that_counts_them_are_refused() -> None:
    with pytest.raises(RefusedError, match="no resource"):
        made(placement(size=Resources(cpu_milli=1000, memory_mib=1024, gpus=1)))


HOSTILE = st.one_of(
    st.text(max_size=80),
    st.just("\ud800"),
    st.sampled_from(
        ["$(FEDSCHED_TOKEN)", "a\nb", 'x" && true', "`id`", "a b", "é", "x" * 300, "\x00", "{{}}", "../..", "a,b=c"]
    ),
)
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")


@given(st.sampled_from(["id", "node_group", "pool", "image", "member", "form", "share", "gpu_resource"]), HOSTILE)
def test_a_hostile_word_never_yields_an_object_that_is_not_vetted(field: str, word: str) -> None:
    try:
        written = made(placement(**{field: word}))
    except RefusedError:
        return
    _vetted(written)


def test_a_startd_for_a_renamed_user_is_told_the_name_that_the_schedd_has() -> None:
    plain = {each["name"]: each for each in container(made(placement()))["env"]}
    renamed = {each["name"]: each for each in container(made(placement(user="alice@ce.example")))["env"]}
    assert renamed == plain | {"FEDSCHED_USER": {"name": "FEDSCHED_USER", "value": "alice@ce.example"}}


@given(HOSTILE)
def test_a_hostile_name_that_a_schedd_has_is_refused_or_stands_only_in_its_variable(user: str) -> None:
    try:
        written = made(placement(user=user))
    except RefusedError:
        return
    _vetted(written)
    plain = made(placement())
    env, before = ({each["name"]: each for each in container(one)["env"]} for one in (written, plain))
    assert {name for name in env if env[name] != before[name]} <= {"FEDSCHED_USER"}
    assert written["spec"]["template"]["metadata"] == plain["spec"]["template"]["metadata"]


@given(HOSTILE, HOSTILE)
def test_a_hostile_principal_is_refused_or_stands_only_in_its_two_variables(group: str, user: str) -> None:
    try:
        written = made(placement(principal=Principal(group, user)))
    except RefusedError:
        return
    _vetted(written)
    plain = made(placement())
    env = {each["name"]: each for each in container(written)["env"]}
    assert env["FEDSCHED_GROUP"]["value"] == group
    assert env["FEDSCHED_USER"]["value"] == user
    before = {each["name"]: each for each in container(plain)["env"]}
    assert {name for name in env if env[name] != before[name]} <= {"FEDSCHED_GROUP", "FEDSCHED_USER"}
    assert written["metadata"]["labels"] == plain["metadata"]["labels"]
    assert written["spec"]["template"]["metadata"] == plain["spec"]["template"]["metadata"]


@given(HOSTILE, HOSTILE)
def test_nothing_of_a_class_or_a_schedd_reaches_a_pod(key: str, schedd: str) -> None:
    try:
        written = made(placement(class_key=key, schedd=schedd))
    except RefusedError:
        return
    assert written["spec"] == made(placement())["spec"]


@given(st.dictionaries(HOSTILE, HOSTILE, max_size=3))
def test_hostile_labels_and_variables_of_a_file_never_yield_an_invalid_object(words: dict[str, str]) -> None:
    pairs = tuple(words.items())
    for field in ("labels", "env", "annotations", "node_selector"):
        added: dict[str, Any] = {field: pairs}
        try:
            written = made(placement(), member(**added))
        except RefusedError:
            continue
        _vetted(written)


def _vetted(written: Manifest) -> None:
    assert re.fullmatch(r"fs-[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", written["metadata"]["name"])
    template = written["spec"]["template"]
    for value in [*written["metadata"]["labels"].values(), *template["metadata"]["labels"].values()]:
        assert len(value) <= 63
        assert LABEL.fullmatch(value)
    for each in container(written)["env"]:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", each["name"])
        assert each.get("value", "").isprintable()
        # a kubelet replaces $(NAME): in the member's own variables that is the member's business
        assert "$(" not in each.get("value", "") or not each["name"].startswith("FEDSCHED_")
    assert written["metadata"]["labels"][names.PART_OF] == FEDERATION
    assert container(written)["command"] == ["/bin/sh", "/etc/fedsched/start"]


def test_the_end_of_a_startd_is_never_later_than_its_jobs_deadline() -> None:
    env = {each["name"]: each.get("value") for each in container(made(placement()))["env"]}
    assert env["FEDSCHED_END_AT"] == str(int(NOW) + 43_200)
    assert env["FEDSCHED_RETIRE_AT"] == str(int(NOW) + 43_200 - 1800)
    assert made(placement())["spec"]["activeDeadlineSeconds"] == 43_200


def test_the_token_stands_in_no_manifest_but_its_secret_and_in_no_repr() -> None:
    for case in CASES.values():
        assert worker().token not in msgspec.json.encode(made(*case)).decode()
    assert worker().token not in repr(worker())
