"""Copies of users' Jobs on a real API server under our narrow rights: made once, alone as allowed, gone together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from fedsched.config.settings import Credential, JobRules, MemberFile
from fedsched.kube.actuator import Actuator
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model import CreateObject, DeleteObject, Placement, names
from tests.kube.job_builders import bundle, config_map, job, secret
from tests.kube.job_site import JobSite
from tests.kube.write_builders import FEDERATION, NOW
from tests.kube.write_site import EPOCH, GUESTS

if TYPE_CHECKING:
    from fedsched.kube.jobs.bundle import JobBundle
    from tests.laboratory.controlplane import ControlPlane

Object = dict[str, Any]
COPIED = JobRules(copied=("ConfigMap", "Secret"), objects=("PersistentVolumeClaim/*",))
NAMING = job(
    {"volumes": [{"name": "v", "configMap": {"name": "steer"}}]}, {"envFrom": [{"secretRef": {"name": "key"}}]}
)
THEIRS = (config_map("steer", cards="a b c"), secret("key", word="c2VjcmV0"))
INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
WRITES = ["raise-fence", "create-holder", "create-copies", "create-copies", "create-object", "own-copies"]


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> JobSite:
    return JobSite(control_plane, namespace, COPIED)


def test_a_copy_runs_where_only_restricted_pods_may(site: JobSite) -> None:
    site.nodes()
    made = site.copied(job(container={"resources": {"requests": {"cpu": "500m", "memory": "300Mi"}}}))
    pod = site.pod(lambda each: each["status"]["phase"] == "Running")
    assert pod["metadata"]["labels"][names.LABEL_JOB] == made["metadata"]["labels"][names.LABEL_JOB]
    assert (pod["spec"]["priorityClassName"], pod["status"]["qosClass"]) == (GUESTS, "Guaranteed")
    volumes = [each["name"] for each in pod["spec"].get("volumes", [])]
    assert not [name for name in volumes if name.startswith("kube-api-access")]


def test_a_copy_is_made_once_however_often_it_is_asked_for(site: JobSite) -> None:
    first, second = (site.copy(NAMING, *THEIRS) for _ in range(2))
    site.actuator = site.new_actuator()
    third = site.copy(NAMING, *THEIRS)
    assert [each.result for each in (first, second, third)] == ["done"] * 3
    assert first.uid == second.uid == third.uid != ""
    assert site.names_of(site.batch) == {"fs-p-0001"}
    assert len(site.ours()) == 3  # the Job and the holder of its two objects share a name
    assert second.what.startswith("it existed already")


def test_a_job_that_changed_since_is_no_success(site: JobSite) -> None:
    site.copied(job())
    outcome = site.copy(job(container={"args": ["--other"]}))
    assert (outcome.result, "written differently" in outcome.what) == ("conflict", True)


def test_objects_that_go_with_a_job_are_there_and_go_with_it(site: JobSite) -> None:
    made = site.copied(NAMING, *THEIRS)
    pod = made["spec"]["template"]["spec"]
    called = (pod["volumes"][0]["configMap"]["name"], pod["containers"][0]["envFrom"][0]["secretRef"]["name"])
    there = site.admin.get(f"{site.core}/configmaps/{called[0]}")
    assert (there["data"], there["immutable"]) == ({"cards": "a b c"}, True)
    assert "their" not in there["metadata"]["labels"]
    assert site.admin.get(f"{site.core}/secrets/{called[1]}")["data"] == {"word": "c2VjcmV0"}
    uid = made["metadata"]["uid"]
    assert site.actuator.act(DeleteObject("m1", "p-0001", "fs-p-0001", "Job", uid), None, EPOCH, NOW).result == "done"
    site.until(lambda: not site.ours(), "all that went with the Job gone", 60)


def test_a_job_whose_object_its_queue_has_not_is_refused_and_leaves_nothing(site: JobSite) -> None:
    outcome = site.copy(NAMING, THEIRS[0])
    assert (outcome.result, "Secret/key is not in namespace lab" in outcome.what) == ("refused", True)
    assert site.ours() == set()


def test_without_the_rights_of_copying_secrets_nothing_is_left_behind(
    control_plane: ControlPlane, namespace: str
) -> None:
    site = JobSite(control_plane, namespace, JobRules(copied=("ConfigMap",)))
    outcome = site.copy(NAMING, *THEIRS)
    assert (outcome.result, "Secret key is not among `objects`" in outcome.what) == ("refused", True)
    assert site.ours() == set()


def test_a_stranger_in_the_holders_place_is_left_alone(site: JobSite) -> None:
    metadata = {"name": "fs-p-0001", "namespace": site.namespace}
    site.admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}})
    outcome = site.copy(NAMING, *THEIRS)
    assert (outcome.result, outcome.what.startswith("foreign-object: ConfigMap fs-p-0001")) == ("conflict", True)
    assert site.names_of(site.batch) == set()
    assert site.admin.get(f"{site.core}/configmaps/fs-p-0001")["data"] == {"a": "b"}


REFUSED: list[tuple[str, Object]] = [
    ("spec.template.spec.hostNetwork", job({"hostNetwork": True})),
    ("spec.template.spec.hostPID", job({"hostPID": True})),
    ("spec.template.spec.volumes[0].hostPath", job({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})),
    ("spec.template.spec.serviceAccountName", job({"serviceAccountName": "fedsched-jobs"})),
    ("spec.template.spec.nodeName", job({"nodeName": "n1"})),
    ("spec.template.spec.ephemeralContainers", job({"ephemeralContainers": [{"name": "e"}]})),
    (
        "spec.template.spec.containers[0].securityContext.privileged",
        job(container={"securityContext": {"privileged": True}}),
    ),
    (
        "spec.template.spec.containers[0].securityContext.capabilities.add[0]",
        job(container={"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}),
    ),
    ("spec.template.spec.securityContext.runAsUser", job({"securityContext": {"runAsUser": 0}})),
    (
        "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken",
        job({"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]}),
    ),
    ("spec.manualSelector", job(manualSelector=True)),
    ("Secret fs-token-m1", job({"volumes": [{"name": "v", "secret": {"secretName": "fs-token-m1"}}]})),
]


def test_what_is_forbidden_is_refused_by_its_path_and_nothing_reaches_the_member(
    control_plane: ControlPlane, namespace: str
) -> None:
    site = JobSite(control_plane, namespace, JobRules(objects=("*/*",)))
    for path, manifest in REFUSED:
        outcome = site.copy(manifest)
        assert (outcome.result, path in outcome.what) == ("refused", True), outcome.what
    assert site.ours() == set()


def test_one_that_its_queue_no_longer_has_is_not_made(site: JobSite) -> None:
    assert site.make(site.where(job()), None).result == "gone"
    assert site.names_of(site.batch) == set()


def test_a_startd_is_never_made_of_a_users_job(site: JobSite) -> None:
    outcome = site.make(site.where(job(), form="startd-job"), bundle(job()))
    assert (outcome.result, site.names_of(site.batch)) == ("refused", set())


def place(credential: Credential, member: MemberFile, placement: Placement, given: JobBundle, nth: int) -> None:
    """In a child: makes a copy, and is killed before its nth write."""
    left = nth

    def checkpoint(_name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    actuator = Actuator(member, Transport(credential, 1000), FEDERATION, checkpoint)
    outcome = actuator.act(CreateObject("m1", placement), given, placement.epoch, NOW)
    if outcome.result != "done":
        raise SystemExit(outcome.what)


def test_the_writes_of_a_copy_with_two_objects_are_these(site: JobSite) -> None:
    seen: list[str] = []
    site.actuator = site.new_actuator(checkpoint=seen.append)
    site.copied(NAMING, *THEIRS)
    assert seen == WRITES


@pytest.mark.parametrize("nth", range(1, len(WRITES) + 1))
def test_killed_before_any_write_the_next_try_brings_one_copy_with_its_objects(site: JobSite, nth: int) -> None:
    spawned = multiprocessing.get_context("spawn").Process(
        target=place,
        args=(site.transport._credential, site.member, site.where(NAMING), bundle(NAMING, *THEIRS), nth),
    )
    spawned.start()
    spawned.join(60)
    assert spawned.exitcode == -signal.SIGKILL
    if "fs-p-0001" in site.names_of(site.batch):
        # Where nobody tries again, because the Job is seen: all that its pods need is there.
        pod = site.admin.get(f"{site.batch}/fs-p-0001")["spec"]["template"]["spec"]
        assert pod["volumes"][0]["configMap"]["name"] in site.ours()
        assert pod["containers"][0]["envFrom"][0]["secretRef"]["name"] in site.ours()
    site.copied(NAMING, *THEIRS)
    holder = site.admin.get(f"{site.core}/configmaps/fs-p-0001")["metadata"]["ownerReferences"]
    assert [each["kind"] for each in holder] == ["Job"]


def test_objects_whose_job_never_came_are_swept(site: JobSite) -> None:
    def checkpoint(name: str) -> None:
        if name == "create-object":
            raise KeyboardInterrupt

    site.actuator = site.new_actuator(checkpoint=checkpoint)
    with pytest.raises(KeyboardInterrupt):
        site.copy(NAMING, *THEIRS)
    assert len(site.ours()) == 3
    site.actuator = site.new_actuator()
    assert site.actuator.sweep(EPOCH, time.time()) == 0  # its Job may still come
    assert site.actuator.sweep(EPOCH, time.time() + 3600) == 1
    site.until(lambda: not site.ours(), "what was left gone", 60)


def test_a_sweep_leaves_what_a_job_needs(site: JobSite) -> None:
    site.copied(NAMING, *THEIRS)
    before = site.ours()
    assert site.actuator.sweep(EPOCH, time.time() + 3600) == 0
    assert site.ours() == before


def test_a_job_whose_objects_were_removed_while_it_was_written_goes_as_well(site: JobSite) -> None:
    """Its pods would wait for them in vain."""

    def checkpoint(name: str) -> None:
        if name == "create-object":
            site.admin.delete(f"{site.core}/configmaps/fs-p-0001")

    site.actuator = site.new_actuator(checkpoint=checkpoint)
    assert site.copy(NAMING, *THEIRS).result == "retry"
    site.until(lambda: not site.ours(), "everything gone", 60)
    site.actuator = site.new_actuator()
    site.copied(NAMING, *THEIRS)


def test_our_account_reads_no_secret(site: JobSite) -> None:
    site.copied(NAMING, *THEIRS)
    name = next(each for each in site.names_of(f"{site.core}/secrets") if each.startswith("fs-p-0001-"))
    for path in (f"{site.core}/secrets", f"{site.core}/secrets/{name}"):
        assert site.transport.request("GET", path).status == 403


def test_the_members_api_takes_every_field_that_goes_on(site: JobSite) -> None:
    """Each field at least once, as the server's own validation sees it."""
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 5}
    container: Object = {
        "args": ["a"],
        "workingDir": "/work",
        "imagePullPolicy": "Always",
        "env": [
            {"name": "INDEX", "valueFrom": {"fieldRef": {"fieldPath": INDEX}}},
            {"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "CARD", "valueFrom": {"configMapKeyRef": {"name": "steer", "key": "cards", "optional": True}}},
            {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "key", "key": "word"}}},
        ],
        "envFrom": [{"prefix": "S_", "configMapRef": {"name": "steer"}}],
        "resources": {"requests": {"cpu": "250m", "memory": "100M"}, "limits": {"memory": "200Mi", "cpu": "1"}},
        "volumeMounts": [
            {"name": "a", "mountPath": "/a", "subPathExpr": "x-$(CPUS)"},
            {"name": "b", "mountPath": "/b", "readOnly": True, "recursiveReadOnly": "IfPossible"},
            {"name": "c", "mountPath": "/c", "mountPropagation": "HostToContainer"},
            {"name": "d", "mountPath": "/d"},
            {"name": "e", "mountPath": "/e"},
        ],
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}, "postStart": {"exec": {"command": ["true"]}}},
        "livenessProbe": probe,
        "ports": [{"containerPort": 80, "name": "web"}],
        "terminationMessagePath": "/tmp/end",
        "securityContext": {"runAsUser": 7, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["KILL"]}},
    }
    node = {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    pod: Object = {
        "initContainers": [{"name": "side", "image": "i", "restartPolicy": "Always", "startupProbe": probe}],
        "volumes": [
            {"name": "a", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "b", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}},
            {"name": "c", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}},
            {"name": "d", "projected": {"sources": [{"secret": {"name": "key"}}, {"configMap": {"name": "steer"}}]}},
            {"name": "e", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        ],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [node]},
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": node}],
            }
        },
        "securityContext": {"fsGroup": 100, "fsGroupChangePolicy": "OnRootMismatch", "runAsNonRoot": True},
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db"]}],
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["10.0.0.53"], "searches": ["a.example"], "options": [{"name": "ndots"}]},
        "hostname": "h",
        "subdomain": "s",
        "os": {"name": "linux"},
        "imagePullSecrets": [{"name": "key"}],
        "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
    }
    failure = {"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}}]}
    spec: Object = {
        "completionMode": "Indexed",
        "completions": 4,
        "parallelism": 2,
        "backoffLimitPerIndex": 1,
        "maxFailedIndexes": 1,
        "podFailurePolicy": failure,
        "successPolicy": {"rules": [{"succeededIndexes": "0-1"}]},
        "podReplacementPolicy": "Failed",
    }
    wanted = job(pod, container, **spec)
    outcome = site.copy(wanted, *THEIRS, pods=2)
    assert (outcome.result, outcome.what) == ("done", "")
    made = site.admin.get(f"{site.batch}/fs-p-0001")
    assert {key: made["spec"][key] for key in ("completions", "parallelism", "maxFailedIndexes")} == {
        "completions": 4,
        "parallelism": 2,
        "maxFailedIndexes": 1,
    }


def test_what_needs_a_grant_is_written_where_the_file_grants_it_and_the_namespace_has_the_last_word(
    control_plane: ControlPlane, namespace: str
) -> None:
    """The restricted level warns of the Job and refuses its pods: a grant gives nothing that the site does not."""
    site = JobSite(control_plane, namespace, JobRules(grants=("hostNetwork", "hostPath=/cvmfs", "privileged")))
    wide = job(
        {"hostNetwork": True, "volumes": [{"name": "v", "hostPath": {"path": "/cvmfs"}}]},
        {"securityContext": {"privileged": True}},
    )
    outcome = site.copy(wide)
    assert (outcome.result, "violate PodSecurity" in outcome.what) == ("done", True)
    assert site.pods() == []


def test_claims_are_seen_and_other_accounts_are_not(site: JobSite) -> None:
    assert site.transport.request("GET", f"{site.core}/persistentvolumeclaims").status == 200
    assert site.transport.request("GET", f"{site.core}/serviceaccounts").status == 403
