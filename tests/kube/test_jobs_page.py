"""docs/jobs.md says of every field of a Job what the program does with it (L8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedsched.kube.jobs import containers, fields, pods, security, volumes
from fedsched.kube.jobs.grammar import LEFT_OUT, Reading, Rule

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")
VERDICTS = ("goes on", "by grant", "left out", "refused")
PROBE = {"exec": {"command": ["true"]}}
SAMPLES: dict[str, Any] = {
    "affinity": {"nodeAffinity": {}},
    "appArmorProfile": {"type": "RuntimeDefault"},
    "capabilities": {"add": ["NET_RAW"]},
    "completionMode": "Indexed",
    "configMap": {"name": "c"},
    "containers": [{"name": "c", "image": "i"}],
    "csi": {"driver": "d"},
    "dnsConfig": {"nameservers": ["1.1.1.1"]},
    "dnsPolicy": "Default",
    "downwardAPI": {"items": []},
    "emptyDir": {},
    "env": [{"name": "A", "value": "b"}],
    "envFrom": [{"configMapRef": {"name": "c"}}],
    "ephemeral": {
        "volumeClaimTemplate": {
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        }
    },
    "fsGroupChangePolicy": "Always",
    "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["a"]}],
    "hostPath": {"path": "/cvmfs"},
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "s"}],
    "initContainers": [{"name": "c", "image": "i"}],
    "lifecycle": {"preStop": PROBE},
    "livenessProbe": PROBE,
    "nodeSelector": {"a": "b"},
    "os": {"name": "linux"},
    "persistentVolumeClaim": {"claimName": "p"},
    "podFailurePolicy": {"rules": [{"action": "Ignore"}]},
    "podReplacementPolicy": "Failed",
    "ports": [{"containerPort": 80}],
    "procMount": "Unmasked",
    "projected": {"sources": [{"configMap": {"name": "c"}}]},
    "readinessProbe": PROBE,
    "resources": {"requests": {"cpu": "1"}},
    "restartPolicy": "Never",
    "seccompProfile": {"type": "RuntimeDefault"},
    "secret": {"secretName": "s"},
    "securityContext": {"runAsUser": 1000},
    "startupProbe": PROBE,
    "successPolicy": {"rules": [{"succeededCount": 1}]},
    "supplementalGroups": [7],
    "supplementalGroupsPolicy": "Strict",
    "sysctls": [{"name": "kernel.msgmax", "value": "1"}],
    "terminationMessagePolicy": "File",
    "tolerations": [{"operator": "Exists"}],
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "volumes": [{"name": "v", "emptyDir": {}}],
    "workingDir": "/tmp/x",
}
"""A value of each field that plain samples do not fit."""
PLAIN: tuple[Any, ...] = (True, 5, "five", ["five"], {"five": "5"})


def tables() -> dict[str, dict[str, Rule]]:
    """The rules by field, under the names of the page's rows."""
    contexts = {**_fields_of(security.POD), **_fields_of(security.CONTAINER)}
    return {
        "`spec`": fields._SPEC,
        "pod": pods._FIELDS,
        "container": containers._FIELDS,
        "security context": contexts,
        "volume": volumes._KINDS,
    }


def _fields_of(rule: Any) -> dict[str, Rule]:
    """The table that a record was made with."""
    return {
        name: each
        for cell in rule.__closure__
        if isinstance(cell.cell_contents, dict)
        for name, each in cell.cell_contents.items()
    }


def verdict(rule: Rule, name: str) -> str:
    """What becomes of a field with a value that says something."""
    for sample in (SAMPLES[name],) if name in SAMPLES else PLAIN:
        into = Reading()
        kept = rule(sample, name, into)
        if into.problems:
            continue
        if into.grants:
            return "by grant"
        return "left out" if kept is LEFT_OUT else "goes on"
    return "refused"


def told() -> Iterator[tuple[str, str, str]]:
    """(row, field, verdict) of the page's table."""
    table = PAGE.partition("<!-- fields:")[2].partition("\n\n")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        row, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for which, cell in zip(VERDICTS, cells, strict=True):
            for name in re.findall(r"`(\w+)`", cell):
                yield row, name, which


@pytest.mark.parametrize("row", tables())
def test_every_field_stands_on_the_page_with_what_becomes_of_it(row: str) -> None:
    page = {name: which for told_row, name, which in told() if told_row == row}
    assert page == {name: verdict(rule, name) for name, rule in tables()[row].items()}
