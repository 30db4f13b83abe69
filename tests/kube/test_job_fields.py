"""What a user's Job may contain: an allow-list; every way to more than a member grants is refused by its path."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kube.job_builders import job, noted, problems_of, spec_of

POD = "spec.template.spec"
MAIN = f"{POD}.containers[0]"
Object = dict[str, Any]


def volume(**kind: Any) -> Object:
    return {"volumes": [{"name": "v", **kind}]}


def env(source: Object) -> Object:
    return {"env": [{"name": "X", "valueFrom": source}]}


def security(**fields: Any) -> Object:
    return {"securityContext": fields}


FORBIDDEN_IN_POD: list[tuple[Object, str]] = [
    ({"ephemeralContainers": [{"name": "e", "image": "i"}]}, "ephemeralContainers"),
    ({"nodeName": "n1"}, "nodeName"),
    ({"priority": 10}, "priority"),
    ({"preemptionPolicy": "PreemptLowerPriority"}, "preemptionPolicy"),
    ({"affinity": {"podAffinity": {"x": []}}}, "affinity.podAffinity"),
    ({"affinity": {"podAntiAffinity": {"x": []}}}, "affinity.podAntiAffinity"),
    ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "topologySpreadConstraints"),
    ({"resourceClaims": [{"name": "gpu"}]}, "resourceClaims"),
    ({"overhead": {"cpu": "1"}}, "overhead"),
    ({"readinessGates": [{"conditionType": "x"}]}, "readinessGates"),
    ({"schedulingGates": [{"name": "x"}]}, "schedulingGates"),
    ({"os": {"name": "windows"}}, "os.name"),
    ({"hostnameOverride": "node-1"}, "hostnameOverride"),
    ({"workloadRef": {"name": "x"}}, "workloadRef"),
    ({"restartPolicy": "Always"}, "restartPolicy"),
    ({"priorityClassName": "Not A Name"}, "priorityClassName"),
    ({"nodeSelector": {"a b": "c"}}, "nodeSelector['a b']"),
    ({"tolerations": [{"key": "k", "operator": "Lt"}]}, "tolerations[0].operator"),
    (security(seLinuxOptions={"level": "s0"}), "securityContext.seLinuxOptions"),
    (security(windowsOptions={"hostProcess": True}), "securityContext.windowsOptions"),
    (security(seccompProfile={"type": "Unconfined"}), "securityContext.seccompProfile.type"),
    (security(seccompProfile={"type": "Localhost", "localhostProfile": "p"}), "securityContext.seccompProfile.type"),
    (security(appArmorProfile={"type": "Unconfined"}), "securityContext.appArmorProfile.type"),
    (security(seLinuxChangePolicy="Recursive"), "securityContext.seLinuxChangePolicy"),
    (security(runAsUser=-1), "securityContext.runAsUser"),
    (volume(nfs={"server": "10.0.0.1", "path": "/"}), "volumes[0].nfs"),
    (volume(iscsi={"iqn": "x"}), "volumes[0].iscsi"),
    (volume(gitRepo={"repository": "x"}), "volumes[0].gitRepo"),
    (volume(flexVolume={"driver": "x"}), "volumes[0].flexVolume"),
    (volume(image={"reference": "r"}), "volumes[0].image"),
    (volume(emptyDir={"medium": "HugePages"}), "volumes[0].emptyDir.medium"),
    (volume(emptyDir={}, hostPath={"path": "/"}), "volumes[0]"),
    (volume(hostPath={"path": "/cvmfs/../etc"}), "volumes[0].hostPath.path"),
    (volume(hostPath={"path": "/cvmfs//x/"}), "volumes[0].hostPath.path"),
    (volume(hostPath={"path": "/x", "type": "DirectoryOrCreate"}), "volumes[0].hostPath.type"),
    (volume(configMap={"name": "c", "items": [{"key": "k", "path": "../k"}]}), "volumes[0].configMap.items[0].path"),
    (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "t"}}]}),
        "volumes[0].projected.sources[0].serviceAccountToken",
    ),
    (
        volume(projected={"sources": [{"clusterTrustBundle": {"path": "t"}}]}),
        "volumes[0].projected.sources[0].clusterTrustBundle",
    ),
    (
        volume(projected={"sources": [{"podCertificate": {"keyType": "x"}}]}),
        "volumes[0].projected.sources[0].podCertificate",
    ),
    (
        volume(downwardAPI={"items": [{"path": "x", "fieldRef": {"fieldPath": "spec.containers"}}]}),
        "volumes[0].downwardAPI.items[0].fieldRef.fieldPath",
    ),
    (
        {"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]},
        "containers",
    ),
]


@pytest.mark.parametrize(("fields", "path"), FORBIDDEN_IN_POD, ids=[path for _, path in FORBIDDEN_IN_POD])
def test_a_forbidden_field_of_a_pod_is_refused_by_its_path(fields: Object, path: str) -> None:
    assert problems_of(job(fields)) == [f"{POD}.{path}"]


def claim(**spec: Any) -> Object:
    whole = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}} | spec
    return volume(ephemeral={"volumeClaimTemplate": {"spec": whole}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("volumeName", "their-volume"),
        ("selector", {"matchLabels": {"a": "b"}}),
        ("dataSource", {"kind": "PersistentVolumeClaim", "name": "theirs"}),
        ("dataSourceRef", {"kind": "VolumeSnapshot", "name": "theirs"}),
        ("volumeMode", "Block"),
        ("volumeAttributesClassName", "gold"),
    ],
)
def test_a_claim_of_its_own_takes_nobody_elses_data(field: str, value: Any) -> None:
    where = f"{POD}.volumes[0].ephemeral.volumeClaimTemplate.spec.{field}"
    assert problems_of(job(claim(**{field: value}))) == [where]
    assert spec_of(job(claim(storageClassName="fast"))).objects == ()


FORBIDDEN_IN_CONTAINER: list[tuple[Object, str]] = [
    (security(seLinuxOptions={"user": "x"}), "securityContext.seLinuxOptions"),
    (security(windowsOptions={"runAsUserName": "x"}), "securityContext.windowsOptions"),
    (security(seccompProfile={"type": "Unconfined"}), "securityContext.seccompProfile.type"),
    (security(capabilities={"add": ["not one"]}), "securityContext.capabilities.add[0]"),
    ({"volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]}, "volumeDevices"),
    ({"volumeMounts": [{"name": "v", "mountPath": "/x", "mountPropagation": "Bidirectional"}]},
     "volumeMounts[0].mountPropagation"),
    ({"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "../y"}]}, "volumeMounts[0].subPath"),
    ({"volumeMounts": [{"name": "v", "mountPath": "/x", "subPathExpr": "a/../$(X)"}]}, "volumeMounts[0].subPathExpr"),
    ({"volumeMounts": [{"name": "v", "mountPath": "/x/../y"}]}, "volumeMounts[0].mountPath"),
    ({"volumeMounts": [{"name": "nowhere", "mountPath": "/x"}]}, "volumeMounts[0].name"),
    ({"resources": {"claims": [{"name": "gpu"}]}}, "resources.claims"),
    ({"resources": {"limits": {"hugepages-2Mi": "2Mi"}}}, "resources.limits[hugepages-2Mi]"),
    ({"resources": {"limits": {"requests.kubernetes.io/x": "1"}}}, "resources.limits[requests.kubernetes.io/x]"),
    ({"resources": {"limits": {"nvidia.com/gpu": "500m"}}}, "resources.limits[nvidia.com/gpu]"),
    ({"resources": {"requests": {"cpu": "-1"}}}, "resources.requests[cpu]"),
    ({"resources": {"requests": {"memory": "lots"}}}, "resources.requests[memory]"),
    ({"tty": True}, "tty"),
    ({"stdin": True}, "stdin"),
    ({"restartPolicy": "Always"}, "restartPolicy"),
    ({"restartPolicyRules": [{"action": "Restart"}]}, "restartPolicyRules"),
    ({"ports": [{"containerPort": 80, "hostIP": "10.0.0.1"}]}, "ports[0].hostIP"),
    ({"lifecycle": {"postStart": {"httpGet": {"port": 80, "host": "169.254.169.254"}}}},
     "lifecycle.postStart.httpGet.host"),
    ({"livenessProbe": {"tcpSocket": {"port": 80, "host": "10.0.0.1"}}}, "livenessProbe.tcpSocket.host"),
    ({"image": "an image"}, "image"),
    ({"imagePullPolicy": "Sometimes"}, "imagePullPolicy"),
    (env({"fieldRef": {"fieldPath": "spec.containers[0].env"}}), "env[0].valueFrom.fieldRef.fieldPath"),
    (env({"fieldRef": {"fieldPath": "metadata.annotations['iam.example/role']"}}),
     "env[0].valueFrom.fieldRef.fieldPath"),
    (env({"fileKeyRef": {"volumeName": "v", "key": "k", "path": "p"}}), "env[0].valueFrom.fileKeyRef"),
    (env({"secretKeyRef": {"name": "../x", "key": "k"}}), "env[0].valueFrom.secretKeyRef.name"),
    ({"env": [{"name": "X", "value": "a\0b"}]}, "env[0].value"),
    ({"env": [{"name": "X=Y", "value": "a"}]}, "env[0].name"),
    ({"envFrom": [{"configMapRef": {"name": "a"}, "secretRef": {"name": "b"}}]}, "envFrom[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "path"), FORBIDDEN_IN_CONTAINER, ids=[path for _, path in FORBIDDEN_IN_CONTAINER])
def test_a_forbidden_field_of_a_container_is_refused_by_its_path(fields: Object, path: str) -> None:
    pod = volume(emptyDir={})
    assert problems_of(job(pod, fields)) == [f"{MAIN}.{path}"]
    init = {"name": "first", "image": "i"} | fields
    if "restartPolicy" not in fields:  # an init container may be a sidecar
        assert problems_of(job(pod | {"initContainers": [init]})) == [f"{POD}.initContainers[0].{path}"]


GRANTED: list[tuple[Object, Object, str]] = [
    ({"hostNetwork": True}, {}, "hostNetwork spec.template.spec.hostNetwork"),
    ({"hostPID": True}, {}, "hostPID spec.template.spec.hostPID"),
    ({"hostIPC": True}, {}, "hostIPC spec.template.spec.hostIPC"),
    ({"shareProcessNamespace": True}, {}, "shareProcessNamespace spec.template.spec.shareProcessNamespace"),
    ({"serviceAccountName": "reana"}, {}, "serviceAccountName=reana spec.template.spec.serviceAccountName"),
    ({"serviceAccount": "reana"}, {}, "serviceAccountName=reana spec.template.spec.serviceAccountName"),
    (
        {"automountServiceAccountToken": True},
        {},
        "automountServiceAccountToken spec.template.spec.automountServiceAccountToken",
    ),
    ({"runtimeClassName": "kata"}, {}, "runtimeClassName=kata spec.template.spec.runtimeClassName"),
    ({"schedulerName": "volcano"}, {}, "schedulerName=volcano spec.template.spec.schedulerName"),
    (volume(hostPath={"path": "/cvmfs"}), {}, "hostPath=/cvmfs spec.template.spec.volumes[0].hostPath"),
    (volume(csi={"driver": "cvmfs.csi"}), {}, "csi=cvmfs.csi spec.template.spec.volumes[0].csi.driver"),
    (
        security(sysctls=[{"name": "net.core.somaxconn", "value": "1"}]),
        {},
        "sysctls=net.core.somaxconn spec.template.spec.securityContext.sysctls[0]",
    ),
    (security(runAsUser=0), {}, "runAsUser=0 spec.template.spec.securityContext.runAsUser"),
    (
        security(supplementalGroups=[0]),
        {},
        "supplementalGroups=0 spec.template.spec.securityContext.supplementalGroups[0]",
    ),
    ({}, security(privileged=True), f"privileged {MAIN}.securityContext.privileged"),
    ({}, security(runAsUser=0), f"runAsUser=0 {MAIN}.securityContext.runAsUser"),
    (
        {},
        security(allowPrivilegeEscalation=True),
        f"allowPrivilegeEscalation {MAIN}.securityContext.allowPrivilegeEscalation",
    ),
    (
        {},
        security(capabilities={"add": ["SYS_PTRACE"]}),
        f"capabilities=SYS_PTRACE {MAIN}.securityContext.capabilities.add[0]",
    ),
    ({}, security(procMount="Unmasked"), f"procMount=Unmasked {MAIN}.securityContext.procMount"),
    ({}, {"ports": [{"containerPort": 80, "hostPort": 80}]}, f"hostPort=80 {MAIN}.ports[0].hostPort"),
]


@pytest.mark.parametrize(("pod", "container", "grant"), GRANTED, ids=[grant for _, _, grant in GRANTED])
def test_what_only_a_members_file_can_allow_is_a_grant_with_its_path(
    pod: Object, container: Object, grant: str
) -> None:
    assert spec_of(job(pod, container)).grants == (grant,)


def test_on_the_nodes_network_its_ports_need_no_further_grant() -> None:
    ports = {"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 8081}]}
    assert [grant.partition(" ")[0] for grant in spec_of(job({"hostNetwork": True}, ports)).grants] == [
        "hostNetwork",
        "hostPort=8081",
    ]


@pytest.mark.parametrize(
    ("pod", "container"),
    [
        ({"hostNetwork": False, "hostPID": False, "hostIPC": False, "hostUsers": True}, {}),
        ({"serviceAccountName": "default", "serviceAccount": "default", "automountServiceAccountToken": False}, {}),
        ({"schedulerName": "default-scheduler", "dnsPolicy": "ClusterFirst", "enableServiceLinks": True}, {}),
        ({"affinity": {}, "ephemeralContainers": [], "securityContext": {}, "nodeName": ""}, {}),
        (security(runAsUser=1000, runAsGroup=0, fsGroup=100, runAsNonRoot=True), {}),
        ({}, security(privileged=False, procMount="Default", capabilities={"drop": ["ALL"]})),
        ({}, {"tty": False, "stdin": False, "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]}),
        ({"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db"]}]}, {}),
        ({"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}, {}),
        ({}, {"livenessProbe": {"httpGet": {"port": "web", "path": "/", "scheme": "HTTP"}, "periodSeconds": 5}}),
        ({}, {"lifecycle": {"preStop": {"exec": {"command": ["sync"]}}}}),
        ({}, env({"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}})),
        ({}, env({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}})),
        ({"resources": {"requests": {"cpu": "2"}}}, {}),
    ],
)
def test_what_takes_nothing_from_a_member_passes_without_a_grant(pod: Object, container: Object) -> None:
    assert spec_of(job(pod, container)).grants == ()


def test_a_job_as_its_api_server_fills_it_in_is_taken() -> None:
    made = job(parallelism=2, completions=2, completionMode="NonIndexed", suspend=False, manualSelector=False)
    made["metadata"] |= {"generation": 1, "managedFields": [{"manager": "x"}], "ownerReferences": [{"uid": "u"}]}
    made["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}
    made["spec"]["template"]["metadata"] = {
        "creationTimestamp": None,
        "labels": {"controller-uid": "u", "job-name": "fit", "batch.kubernetes.io/job-name": "fit", "app": "fit"},
    }
    made["status"] = {"active": 1}
    spec = spec_of(made)
    assert (spec.pods, spec.pod_labels) == (2, {"app": "fit"})
    assert "selector" not in spec.body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("manualSelector", True),
        ("selector", {"matchLabels": {"app": "theirs"}}),
        ("selector", {"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
        ("completions", 0),
        ("completions", "many"),
        ("parallelism", 10**6),
        ("parallelism", True),
        ("backoffLimit", -1),
        ("completionMode", "Elastic"),
        ("shards", 3),
    ],
)
def test_a_field_of_a_job_that_could_take_more_than_its_own_is_refused(field: str, value: Any) -> None:
    assert problems_of(job(**{field: value})) == [f"spec.{field}"]


def test_policies_of_failure_and_success_come_along() -> None:
    failure = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}
    success = {"rules": [{"succeededIndexes": "0-2"}]}
    made = job(completionMode="Indexed", completions=5, podFailurePolicy=failure, successPolicy=success)
    body = spec_of(made).body
    assert (body["podFailurePolicy"], body["successPolicy"]) == (failure, success)


@pytest.mark.parametrize(
    "key",
    [
        "container.apparmor.security.beta.kubernetes.io/main",
        "seccomp.security.alpha.kubernetes.io/pod",
        "fedsched.io/placement-record",
        "fedsched.io/leave",
    ],
)
def test_annotations_that_are_ours_or_change_security_are_refused(key: str) -> None:
    made = job()
    made["spec"]["template"]["metadata"] = {"annotations": {key: "unconfined"}}
    assert problems_of(made) == [f"spec.template.metadata.annotations[{key}]"]


def test_orders_to_other_programs_at_a_member_stay_behind() -> None:
    made = job()
    notes = {"iam.example/role": "admin", "note": "mine", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    labels = {"sidecar.example/inject": "true", "app.kubernetes.io/managed-by": "fedsched", "team": "hep"}
    made["spec"]["template"]["metadata"] = {"annotations": notes, "labels": labels}
    spec = spec_of(made)
    assert spec.pod_annotations == {"note": "mine", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    assert spec.pod_labels == {"team": "hep"}
    assert "spec.template.metadata.labels[sidecar.example/inject]" in spec.left_out


def test_a_label_of_ours_on_a_template_is_refused() -> None:
    made = job()
    made["spec"]["template"]["metadata"] = {"labels": {"fedsched.io/placement": "p-0001"}}
    assert problems_of(made) == ["spec.template.metadata.labels[fedsched.io/placement]"]


def test_all_that_a_job_names_is_told() -> None:
    pod = {
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [
            {"name": "a", "configMap": {"name": "steer"}},
            {"name": "b", "secret": {"secretName": "key"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "d", "projected": {"sources": [{"secret": {"name": "both"}}, {"configMap": {"name": "both"}}]}},
            {"name": "e", "configMap": {"name": "perhaps", "optional": True}},
        ],
    }
    container = {"envFrom": [{"secretRef": {"name": "all"}}]} | env({"configMapKeyRef": {"name": "one", "key": "k"}})
    assert spec_of(job(pod, container)).objects == (
        *(("ConfigMap", name) for name in ("both", "one", "steer")),
        ("PersistentVolumeClaim", "data"),
        *(("Secret", name) for name in ("all", "both", "key", "pull")),
    )


def test_a_job_says_what_becomes_of_it_by_annotations() -> None:
    spec = spec_of(noted(gang="true", rerun="never", requirements="TARGET.Memory > 4096", rank="Memory"))
    assert (spec.gang, spec.rerun, spec.requirements, spec.rank) == (True, "never", "TARGET.Memory > 4096", "Memory")


@pytest.mark.parametrize(
    ("key", "text"),
    [("gang", "yes"), ("rerun", "always"), ("requirements", "Memory >"), ("rank", "random()"), ("rank", "(" * 5000)],
)
def test_an_annotation_that_says_nothing_is_refused(key: str, text: str) -> None:
    assert problems_of(noted(**{key: text})) == [f"metadata.annotations[fedsched.io/{key}]"]


def test_a_job_told_to_run_no_pod_is_suspended() -> None:
    assert [spec_of(job(**each)).suspended for each in ({"parallelism": 0}, {"suspend": True}, {})] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("parallelism", [None, 1, 3, 10])
def test_pods_at_once_are_never_more_than_completions(parallelism: int | None) -> None:
    asked: Object = {} if parallelism is None else {"parallelism": parallelism}
    assert spec_of(job(completions=4, **asked)).pods == min(4, parallelism or 1)
