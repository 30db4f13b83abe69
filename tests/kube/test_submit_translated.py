"""Files of people: manifests are read without trusting them, and a submit file becomes a Job or says why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fedsched.kube.jobs.documents import DocumentError, documents
from fedsched.kube.jobs.fields import read
from fedsched.kube.jobs.files import jobs_of, kind_of
from fedsched.kube.jobs.from_submit_file import Translated, job_of
from fedsched.kube.jobs.spec import JobSpec
from fedsched.kube.jobs.submit_commands import Given, SubmitRefusedError

IMAGE = {"container_image": "docker://registry.example/a:1", "executable": "/bin/x"}
PLACE = {"name": "a", "namespace": "ann"}


def translated(commands: dict[str, str], text: str = "", **more: Any) -> Translated:
    given = Given(IMAGE | commands, more.get("arguments", ()), more.get("environment", ()), text)
    return job_of(given, {"Fpga": "xilinx.com/fpga"})


def container(commands: dict[str, str], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = translated(commands, **more).manifest["spec"]["template"]["spec"]["containers"][0]
    return found


def refusal(commands: dict[str, str], text: str = "") -> str:
    with pytest.raises(SubmitRefusedError) as refused:
        translated(commands, text)
    return str(refused.value)


def test_what_is_translated_is_a_job_that_members_take() -> None:
    made = translated({"request_cpus": "2", "request_memory": "1.5 GB", "request_disk": "1500000", "max_retries": "3"})
    made.manifest["metadata"] |= PLACE
    spec = read(made.manifest)
    assert isinstance(spec, JobSpec), spec
    assert spec.body["backoffLimit"] == 3
    limits = spec.pod["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "2", "memory": "1536Mi", "ephemeral-storage": "1465Mi"}


def test_requests_and_limits_are_the_same_and_custom_resources_have_their_names() -> None:
    wants = container({"request_gpus": "2", "request_fpga": "1", "request_memory": "512"})["resources"]
    assert wants["requests"] == wants["limits"]
    assert wants["limits"] == {"cpu": "1", "memory": "512Mi", "nvidia.com/gpu": "2", "xilinx.com/fpga": "1"}


def test_without_request_memory_it_is_as_in_htcondor_and_said() -> None:
    made = translated({})
    assert "request_memory is not given: 128 MiB, as in HTCondor" in made.notes


def test_a_kubelet_puts_nothing_in_place_of_what_the_user_wrote() -> None:
    found = container({}, arguments=("$(HOME)", "b"), environment=(("A", "$(B)"),))
    assert (found["args"], found["env"]) == (["$$(HOME)", "b"], [{"name": "A", "value": "$$(B)"}])


def test_expressions_group_priority_lengths_and_hold_come_along() -> None:
    made = translated(
        {
            "requirements": 'TARGET.NodeLabels["zone"] == "a"',
            "rank": "Mips",
            "priority": "-3",
            "allowed_execute_duration": "60",
            "my.maxwalltimemins": "10",
            "my.accountinggroup": '"physics.cms"',
            "hold": "True",
        }
    )
    assert made.manifest["metadata"] == {
        "labels": {"fedsched.io/group": "physics.cms"},
        "annotations": {"fedsched.io/requirements": 'TARGET.NodeLabels["zone"] == "a"', "fedsched.io/rank": "Mips"},
    }
    spec = made.manifest["spec"]
    assert (spec["activeDeadlineSeconds"], spec["template"]["spec"]["activeDeadlineSeconds"]) == (600, 60)
    assert (made.priority, made.held) == (-3, "hold = true in its submit file")


def test_a_container_without_a_program_runs_what_its_image_says() -> None:
    assert "command" not in container({"executable": ""})
    assert container({"executable": "python3", "transfer_executable": "false"})["command"] == ["python3"]


CANNOT = {
    "no image": ({"container_image": ""}, "executable: a Job runs in a container"),
    "an image file": ({"container_image": "/cvmfs/x.sif"}, "container_image: no registry's image"),
    "a program beside the file": ({"executable": "run.sh"}, "executable: run.sh: the program must be inside the image"),
    "files to take": ({"transfer_input_files": "a.root"}, "transfer_input_files: nothing is transferred"),
    "files to bring back": ({"should_transfer_files": "YES"}, "should_transfer_files: nothing is transferred"),
    "an input": ({"input": "in.txt"}, "input: nothing is transferred"),
    "a universe": ({"universe": "grid"}, "universe: universe grid is not run as Jobs"),
    "a shell's environment": ({"getenv": "true"}, "getenv: your environment is not taken along"),
    "another user": ({"accounting_group_user": "bob"}, "accounting_group_user: who submits is charged"),
    "an expression": ({"request_memory": "ifThenElse(x,1,2)"}, "request_memory: expected a size like 2 GB"),
    "half a core": ({"request_cpus": "0.5"}, "request_cpus: expected a whole number"),
    "an unknown resource": ({"request_tpus": "1"}, "request_tpus: no resource of that name"),
    "a policy": ({"on_exit_remove": "ExitCode == 0"}, "on_exit_remove: a Job ends by its exit code"),
    "credentials": ({"use_oauth_services": "box"}, "use_oauth_services: a Job gets what it may know from a Secret"),
    "a dag": ({"my.dagmanjobid": "12"}, "dagmanjobid: only a schedd does this"),
    "an attribute": ({"my.site": '"x"', "requirements": "MY.Site == 1"}, "requirements: reads MY.Site"),
    "a priority": ({"priority": "high"}, "priority: expected a whole number"),
}


@pytest.mark.parametrize(("commands", "expected"), CANNOT.values(), ids=CANNOT)
def test_what_a_job_cannot_have_is_refused_with_what_to_do_instead(commands: dict[str, str], expected: str) -> None:
    assert expected in refusal(commands)


def test_a_refusal_names_the_line_that_holds() -> None:
    text = "input = a\nexecutable = /bin/x\nInput = b\nqueue\n"
    assert refusal({"input": "b"}, text).startswith("line 3: input: ")
    assert refusal({"my.dagmanjobid": "1"}, "\n+DAGManJobId = 1\n").startswith("line 2: dagmanjobid: ")


def test_words_of_yaml_are_what_kubernetes_takes_them_for() -> None:
    text = "a: 1\nb: 0644\nc: 0o17\nd: 1.5\ne: true\nf: ~\ng: yes\nh: '1'\ni: 1e3\nj: -7\nk: 1.2.3\nl: \nm: 12e\nn: 08"
    (found,) = documents(text)
    assert found.value == {
        "a": 1,
        "b": 420,
        "c": 15,
        "d": 1.5,
        "e": True,
        "f": None,
        "g": "yes",
        "h": "1",
        "i": 1000.0,
        "j": -7,
        "k": "1.2.3",
        "l": None,
        "m": "12e",
        "n": "08",
    }


BOMBS = {
    "an alias": ("a: &x [1]\nb: *x", "line 1: YAML anchors and aliases"),
    "a tag": ("a: !!python/object:os.system x", "line 1: a YAML tag"),
    "a key twice": ("a: 1\nb: 2\na: 3", 'line 3: the key "a" stands there twice'),
    "a key twice in JSON": ('{"a": 1, "a": 2}', 'the key "a" stands there twice'),
    "a deep one": ("[" * 40 + "]" * 40, "nested deeper than 32 levels"),
    "a deep JSON": ('{"a":' * 40 + "1" + "}" * 40, "nested deeper than 32 levels"),
    "a very deep JSON": ('{"a":' * 200_000, "nested deeper than 32 levels"),
    "no YAML": ("a: [\n]]", "line 2: this is not YAML"),
    "not a number": ('{"a": NaN}', "NaN is no number"),
    "a key that is a list": ("? [a]\n: 1", "a key that is not text"),
}


@pytest.mark.parametrize(("text", "expected"), BOMBS.values(), ids=BOMBS)
def test_documents_that_are_traps_are_refused_with_their_line(text: str, expected: str) -> None:
    with pytest.raises(DocumentError) as refused:
        documents(text)
    assert expected in str(refused.value)


JOB = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n"


def test_jobs_are_found_in_documents_and_lists_with_their_places() -> None:
    jobs = "apiVersion: batch/v1\nkind: JobList\nitems: [{metadata: {name: b}}, {metadata: {name: c}}]\n"
    found = jobs_of(f"{JOB}---\n# nothing\n---\n{jobs}")
    assert [(one.manifest["metadata"]["name"], one.where) for one in found] == [
        ("a", "line 1"),
        ("b", "line 7, items[0]"),
        ("c", "line 7, items[1]"),
    ]
    assert found[1].manifest["kind"] == "Job"
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [documents(JOB)[0].value]})
    assert [one.where for one in jobs_of(listed)] == ["line 1, items[0]"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no Job is in it"),
        ("- a", "line 1: expected a Job, got no object"),
        ("apiVersion: v1\nkind: Secret", "expected batch/v1 Job, got 'v1' 'Secret'"),
        (f"{JOB}---\napiVersion: batch/v1beta1\nkind: Job", "line 5: apiVersion and kind"),
        ("apiVersion: v1\nkind: List\nitems: 3", "items: expected a list"),
        ("apiVersion: v1\nkind: List\nitems: [{kind: List, apiVersion: v1, items: []}]", "items[0]: a list in a list"),
    ],
)
def test_files_without_jobs_are_told_as_that(text: str, expected: str) -> None:
    with pytest.raises(DocumentError) as refused:
        jobs_of(text)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (JOB, "kubernetes"),
        ('{"kind": "Job"}', "kubernetes"),
        ("executable = a\nQueue 3", "condor"),
        ("# kind\nqueue", "condor"),
        ("queue = 3", ""),
        ("hello", ""),
    ],
)
def test_a_file_is_known_by_what_stands_in_it(text: str, kind: str) -> None:
    assert kind_of(text) == kind
