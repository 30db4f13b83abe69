"""The copy of a user's Job as it is written at a member: confined, bounded, and with what its file says over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fedsched.config.members import load_member
from fedsched.config.problems import ConfigError
from fedsched.config.settings import JobRules, MemberFile
from fedsched.kube.digest import digest
from fedsched.kube.jobs import objects
from fedsched.kube.jobs.copy import Beside, copy_of
from fedsched.kube.vetting import RefusedError
from fedsched.matchmaker.model import JobTerms, MemberTerms, Placement, Taint, names
from fedsched.matchmaker.resources import Resources
from tests.kube.job_builders import (
    UID,
    config_map,
    copied,
    job,
    member,
    placement,
    pod_of,
    secret,
    spec_of,
)
from tests.kube.test_job_fields import GRANTED
from tests.kube.write_builders import OWNER

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]
RESTRICTED = {"privileged": False, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def main_of(manifest: Object, file: MemberFile | None = None) -> Object:
    found: Object = pod_of(manifest, file)["containers"][0]
    return found


def granting(*grants: str, **rules: Any) -> MemberFile:
    return member(rules=JobRules(grants=grants, **rules))


def test_a_copy_carries_whose_it_is_and_how_it_is_known_again() -> None:
    made = copied(job())
    head, template = made["metadata"], made["spec"]["template"]["metadata"]
    assert head["name"] == "fs-p-0001"
    for labels in (head["labels"], template["labels"]):
        assert labels[names.MANAGED_BY] == names.MANAGER
        assert (labels[names.LABEL_JOB], labels[names.LABEL_PLACEMENT]) == (UID, "p-0001")
        assert (labels[names.LABEL_FORM], labels[names.LABEL_EPOCH]) == ("job", "7")
    assert head["annotations"][names.NOTE_JOB] == template["annotations"][names.NOTE_JOB] == "lab/fit"
    assert head["annotations"][names.NOTE_DIGEST] == digest(made)
    assert head["ownerReferences"][0]["uid"] == OWNER.anchor_uid
    assert msgspec.json.decode(head["annotations"][names.NOTE_PLACEMENT], type=Placement) == placement()
    assert names.NOTE_PLACEMENT not in template["annotations"]


def test_every_container_is_confined_whatever_the_job_says() -> None:
    containers = {"initContainers": [{"name": "first", "image": "i"}]}
    pod = pod_of(job(containers, {"securityContext": {"readOnlyRootFilesystem": True, "runAsUser": 5}}))
    assert pod["initContainers"][0]["securityContext"] == RESTRICTED
    assert pod["containers"][0]["securityContext"] == RESTRICTED | {"readOnlyRootFilesystem": True, "runAsUser": 5}
    assert pod["securityContext"] == {
        "runAsUser": 64_000,
        "runAsGroup": 64_000,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert "serviceAccountName" not in pod


def test_a_job_may_name_its_user_but_not_root() -> None:
    pod = pod_of(job({"securityContext": {"runAsUser": 1000, "fsGroup": 100, "runAsNonRoot": False}}))
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (1000, True)
    assert "runAsGroup" not in pod["securityContext"]
    with pytest.raises(RefusedError, match="runAsUser=0 is not among"):
        pod_of(job({"securityContext": {"runAsUser": 0}}))


def test_where_the_file_leaves_the_user_to_images_none_is_set() -> None:
    pod = pod_of(job(), member(rules=JobRules(run_as_user=None)))
    assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize(("word", "user"), [('"image"', None), ("1000", 1000)])
def test_a_members_file_says_as_whom_containers_run(tmp_path: Path, word: str, user: int | None) -> None:
    file = tmp_path / "m1.toml"
    head = 'name = "m1"\nnamespace = "fedsched"\ncredential = "m1.json"\nforms = ["job"]\n'
    file.write_text(f'{head}[jobs]\nrun_as_user = {word}\ngrants = ["hostPath=/cvmfs"]\n')
    found = load_member(file)
    assert found.jobs.run_as_user == user
    assert found.terms.jobs.grants == found.jobs.grants == ("hostPath=/cvmfs",)
    file.write_text(f'{head}[jobs]\nrun_as_user = "root"\n')
    with pytest.raises(ConfigError, match='"image"'):
        load_member(file)


@pytest.mark.parametrize("grant", ["*", "host*", "hostnetwork", "hostPath", "privileged=true", "nodeName=n1", ""])
def test_a_grant_that_means_nothing_or_everything_is_a_mistake_in_the_members_file(tmp_path: Path, grant: str) -> None:
    file = tmp_path / "m1.toml"
    file.write_text(f'name = "m1"\nnamespace = "f"\ncredential = "m1.json"\n[jobs]\ngrants = ["{grant}"]\n')
    with pytest.raises(ConfigError, match="a grant of"):
        load_member(file)


@pytest.mark.parametrize("grant", sorted({grant.partition(" ")[0] for _, _, grant in GRANTED}))
def test_every_grant_that_a_job_can_need_may_stand_in_a_members_file(tmp_path: Path, grant: str) -> None:
    file = tmp_path / "m1.toml"
    file.write_text(f'name = "m1"\nnamespace = "f"\ncredential = "m1.json"\n[jobs]\ngrants = ["{grant}"]\n')
    assert load_member(file).jobs.grants == (grant,)


@pytest.mark.parametrize(
    ("wanted", "grant", "expected"),
    [
        ({"privileged": True}, "privileged", {"privileged": True}),
        (
            {"allowPrivilegeEscalation": True},
            "allowPrivilegeEscalation",
            RESTRICTED | {"allowPrivilegeEscalation": True},
        ),
        (
            {"capabilities": {"add": ["SYS_PTRACE"]}},
            "capabilities=*",
            RESTRICTED | {"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}},
        ),
        (
            {"capabilities": {"add": ["SYS_ADMIN"]}},
            "capabilities=SYS_ADMIN",
            {"privileged": False, "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}},
        ),
        ({"runAsUser": 0}, "runAsUser=0", RESTRICTED | {"runAsUser": 0, "runAsNonRoot": False}),
        ({"procMount": "Unmasked"}, "procMount=Unmasked", RESTRICTED | {"procMount": "Unmasked"}),
    ],
)
def test_a_grant_gives_what_it_names_and_no_more(wanted: Object, grant: str, expected: Object) -> None:
    made = job(container={"securityContext": wanted})
    assert main_of(made, granting(grant))["securityContext"] == expected
    with pytest.raises(RefusedError, match="is not among `grants`"):
        main_of(made, granting("hostNetwork"))


def test_a_granted_host_path_is_that_path_alone() -> None:
    made = job({"volumes": [{"name": "v", "hostPath": {"path": "/cvmfs"}}]})
    assert pod_of(made, granting("hostPath=/cvmfs"))["volumes"] == [{"name": "v", "hostPath": {"path": "/cvmfs"}}]
    with pytest.raises(RefusedError, match=r"spec\.template\.spec\.volumes\[0\]\.hostPath: hostPath=/cvmfs"):
        pod_of(made, granting("hostPath=/cvmfs/*", "hostPath=/data"))


def test_a_service_account_is_used_only_where_it_is_granted_and_its_token_only_with_another_grant() -> None:
    account = job({"serviceAccountName": "reana", "automountServiceAccountToken": True})
    pod = pod_of(account, granting("serviceAccountName=reana", "automountServiceAccountToken"))
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("reana", True)
    with pytest.raises(RefusedError, match="automountServiceAccountToken is not among"):
        pod_of(account, granting("serviceAccountName=reana"))


def test_it_ends_itself_by_the_smaller_deadline_and_clears_itself() -> None:
    spec = copied(job())["spec"]
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (3600, 3600)
    assert spec["template"]["spec"]["activeDeadlineSeconds"] == 3600
    shorter = copied(job({"activeDeadlineSeconds": 50}, activeDeadlineSeconds=60, ttlSecondsAfterFinished=9))["spec"]
    assert (shorter["activeDeadlineSeconds"], shorter["ttlSecondsAfterFinished"]) == (60, 3600)
    assert shorter["template"]["spec"]["activeDeadlineSeconds"] == 50


@pytest.mark.parametrize(("asked", "given"), [(None, 30), (5, 5), (600, 45), (0, 1)])
def test_its_grace_is_the_smaller_of_its_own_and_the_members(asked: int | None, given: int) -> None:
    pod = {} if asked is None else {"terminationGracePeriodSeconds": asked}
    assert pod_of(job(pod), member(rules=JobRules(grace_s=45)))["terminationGracePeriodSeconds"] == given


def test_requests_are_limits_for_every_container() -> None:
    wide = {"requests": {"cpu": "1500m", "memory": "1Gi"}, "limits": {"cpu": "4", "memory": "2Gi"}}
    pod = {"initContainers": [{"name": "side", "image": "i", "restartPolicy": "Always"}]}
    found = pod_of(job(pod, {"resources": wide}))
    given = {"cpu": "1500m", "ephemeral-storage": "1Gi", "memory": "2Gi"}
    assert found["containers"][0]["resources"] == {"requests": given, "limits": given}
    beside = {"cpu": "100m", "ephemeral-storage": "256Mi", "memory": "128Mi"}
    assert found["initContainers"][0]["resources"] == {"requests": beside, "limits": beside}


def test_an_indexed_job_stays_one() -> None:
    policy = {"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [3]}}]}
    asked: Object = {
        "completionMode": "Indexed",
        "completions": 10,
        "parallelism": 4,
        "backoffLimitPerIndex": 1,
        "maxFailedIndexes": 2,
        "podFailurePolicy": policy,
        "podReplacementPolicy": "Failed",
    }
    spec = copied(job(**asked), pods=4)["spec"]
    assert {key: spec[key] for key in asked} == asked


def test_it_runs_no_more_pods_at_once_than_were_decided() -> None:
    assert copied(job(parallelism=9, completions=9), pods=4)["spec"]["parallelism"] == 4
    assert copied(job())["spec"]["completions"] == 1
    assert "completions" not in copied(job(parallelism=2), pods=2)["spec"]


@pytest.mark.parametrize(
    ("manifest", "changed", "words"),
    [
        (job(suspend=True, managedBy=names.JOB_MANAGER), {}, "is suspended now"),
        (job(parallelism=0), {}, "is suspended now"),
        (job(), {"job_uid": "another"}, "is for Job lab/fit"),
        (job(), {"size": Resources(500, 512, 1024, 0, 1)}, "asks for more cpu_milli"),
        (job(), {"lifetime_s": 0}, "must be positive"),
        (job(), {"member": "m2"}, "is for member m2"),
    ],
)
def test_what_is_not_what_was_decided_is_not_written(manifest: Object, changed: Object, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        copy_of(spec_of(manifest), placement(**changed), member(), OWNER, Beside())


def test_a_job_that_only_its_suspension_keeps_from_its_own_cluster_is_copied_running() -> None:
    assert "suspend" not in copied(job(suspend=True))["spec"]


def test_the_members_class_stands_in_the_place_of_the_jobs_priority() -> None:
    pod = copied(job({"priorityClassName": "urgent"}), beside=Beside("guests"))["spec"]["template"]["spec"]
    assert (pod["priorityClassName"], pod["preemptionPolicy"]) == ("guests", "Never")
    assert "priorityClassName" not in pod_of(job({"priorityClassName": "urgent"}))


def test_the_members_file_has_the_last_word() -> None:
    file = member(
        rules=JobRules(env=(("http_proxy", "proxy.site"), ("MINE", "theirs"))),
        image_pull_policy="Always",
        pull_secrets=("site-pull",),
        labels=(("queue", "guests"),),
        annotations=(("note", "site"),),
        node_selector=(("pool", "batch"),),
    )
    made = job({"imagePullSecrets": []}, {"env": [{"name": "MINE", "value": "own"}], "imagePullPolicy": "Never"})
    made["spec"]["template"]["metadata"] = {"labels": {"queue": "first"}, "annotations": {"note": "own"}}
    template = copied(made, file, selector=(("kind", "big"),))["spec"]["template"]
    pod = template["spec"]
    assert (template["metadata"]["labels"]["queue"], template["metadata"]["annotations"]["note"]) == ("guests", "site")
    assert pod["nodeSelector"] == {"kind": "big", "pool": "batch"}
    assert pod["imagePullSecrets"] == [{"name": "site-pull"}]
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["containers"][0]["env"] == [
        {"name": "http_proxy", "value": "proxy.site"},
        {"name": "MINE", "value": "own"},
    ]


def test_a_node_selector_that_contradicts_the_node_group_is_refused() -> None:
    made = job({"nodeSelector": {"kind": "small"}})
    assert pod_of(made, selector=(("pool", "a"),))["nodeSelector"] == {"pool": "a", "kind": "small"}
    with pytest.raises(RefusedError, match=r"nodeSelector\[kind\]"):
        pod_of(made, selector=(("kind", "big"),))


TAINT = Taint("gpu", "yes", "NoSchedule")


@pytest.mark.parametrize(
    ("own", "listed", "written"),
    [
        ([{"key": "gpu", "operator": "Exists"}], ("gpu",), [{"key": "gpu", "operator": "Exists"}]),
        ([{"operator": "Exists"}], ("*",), [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]),
        ([{"key": "gpu", "operator": "Exists"}], (), None),
        ([{"operator": "Exists"}], ("other",), None),
        ([{"key": "gpu", "operator": "Equal", "value": "no"}], ("*",), None),
        ([], ("*",), None),
    ],
)
def test_a_jobs_toleration_counts_only_where_the_members_file_lists_its_key(
    own: list[Object], listed: tuple[str, ...], written: list[Object] | None
) -> None:
    file = member(rules=JobRules(tolerations=listed))
    if written is None:
        with pytest.raises(RefusedError, match="has taint gpu=yes:NoSchedule"):
            pod_of(job({"tolerations": own}), file, taints=(TAINT,))
    else:
        assert pod_of(job({"tolerations": own}), file, taints=(TAINT,))["tolerations"] == written


def test_a_toleration_of_everything_never_comes_along() -> None:
    assert "tolerations" not in pod_of(job({"tolerations": [{"operator": "Exists"}]}), member())


def test_images_are_those_that_the_member_allows() -> None:
    file = msgspec.structs.replace(member(), terms=MemberTerms(name="m1", forms=("job",), images=("images.example/*",)))
    assert main_of(job(), file)["image"] == "images.example/fit:1"
    with pytest.raises(RefusedError, match="is not among `images`"):
        main_of(job(container={"image": "elsewhere.example/x"}), file)


def test_only_jobs_of_namespaces_that_the_member_takes_are_copied() -> None:
    assert copied(job(), member(rules=JobRules(namespaces=("la*",))))
    with pytest.raises(RefusedError, match="namespace lab is not among"):
        copied(job(), member(rules=JobRules(namespaces=("other",))))


def test_a_member_that_takes_no_jobs_gets_none() -> None:
    file = msgspec.structs.replace(member(), terms=MemberTerms(name="m1", forms=("startd-job",)))
    with pytest.raises(RefusedError, match="form job is not among `forms`"):
        copied(job(), file)


NAMING = job(
    {
        "volumes": [
            {"name": "a", "configMap": {"name": "steer"}},
            {"name": "b", "secret": {"secretName": "key"}},
            {"name": "c", "projected": {"sources": [{"secret": {"name": "key"}}, {"configMap": {"name": "steer"}}]}},
            {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
        ],
        "imagePullSecrets": [{"name": "key"}],
    },
    {
        "envFrom": [{"configMapRef": {"name": "steer"}}],
        "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}],
    },
)


def test_copied_objects_are_named_as_they_are_called_there() -> None:
    beside = Beside(copied={("ConfigMap", "steer"): "cm-there", ("Secret", "key"): "s-there"})
    file = member(rules=JobRules(objects=("PersistentVolumeClaim/*",)))
    text = msgspec.json.encode(copied(NAMING, file, beside)["spec"]["template"]["spec"]).decode()
    assert (text.count('"cm-there"'), text.count('"s-there"')) == (3, 4)
    assert '"steer"' not in text
    assert '"key"}' not in text.replace('"key":"k"', "")
    assert '"claimName":"data"' in text


def test_what_is_neither_copied_nor_allowed_is_refused_by_its_name() -> None:
    with pytest.raises(RefusedError, match="ConfigMap steer is not among `objects`"):
        copied(NAMING, member(rules=JobRules(objects=("Secret/*", "PersistentVolumeClaim/*"))))


@pytest.mark.parametrize("name", ["fs-token-m1", "fs-p-0002-0123456789", "fedsched-fence"])
def test_fedscheds_own_objects_are_nobodys(name: str) -> None:
    made = job({"volumes": [{"name": "v", "secret": {"secretName": name}}]})
    with pytest.raises(RefusedError, match="is not among `objects`"):
        copied(made, member(rules=JobRules(objects=("*/*",))))
    perhaps = job({"volumes": [{"name": "v", "secret": {"secretName": name, "optional": True}}]})
    volumes = copied(perhaps, member(rules=JobRules(objects=("*/*",))))["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["secret"]["secretName"] == "fs-p-0001-none"


def rules_of(*kinds: str) -> MemberFile:
    return member(rules=JobRules(copied=kinds))  # type: ignore[arg-type]  # kinds of the two that there are


def test_only_kinds_that_the_file_lists_are_copied_and_only_their_data() -> None:
    given = (config_map("steer", a="b"), secret("key", k="eA=="))
    assert set(objects.wanted(given, rules_of("ConfigMap"))) == {("ConfigMap", "steer")}
    both = objects.wanted(given, rules_of("ConfigMap", "Secret"))
    made = objects.copied(both["Secret", "key"], "there", placement(), member(), OWNER)
    assert made["metadata"].keys() == {"name", "namespace", "labels", "ownerReferences"}
    assert (made["type"], made["data"], made["immutable"]) == ("Opaque", {"k": "eA=="}, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (secret("t", "kubernetes.io/service-account-token"), "of a type that is not copied"),
        (secret("t", "bootstrap.kubernetes.io/token"), "of a type that is not copied"),
        (config_map("c") | {"data": {"../x": "y"}}, "no map of names to texts"),
        (config_map("c") | {"data": {"x": 1}}, "no map of names to texts"),
        (config_map("c", a="x" * (5 * 2**20)), "more than"),
    ],
)
def test_an_object_that_would_mean_more_there_is_not_copied(given: Object, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        objects.wanted((given,), rules_of("ConfigMap", "Secret"))
    assert "eA==" not in str(refused.value)


def test_nobody_can_know_a_copied_objects_name_before_its_holder_is_there() -> None:
    what = ("Secret", "key")
    one, other = (objects.name_of(placement(), uid, what) for uid in ("u-1", "u-2"))
    assert one != other
    assert one == objects.name_of(placement(), "u-1", what)


def test_terms_and_rules_of_a_members_file_say_the_same() -> None:
    rules = JobRules(grants=("privileged",), objects=("Secret/x",))
    assert member(rules=rules).terms.jobs == JobTerms(grants=("privileged",), objects=("Secret/x",))
