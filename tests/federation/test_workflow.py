"""A real workflow program and a REANA-shaped Job run over members with one label more (D5 D6 M28)."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.federation.harness import eventually
from tests.federation.hub import BUSYBOX, LABEL, QUEUE, HubCluster, JobFederation, Thing, condition, copies
from tests.federation.workflow.program import Prefect
from tests.federation.workflow.reana import NODES as REANA_NODES
from tests.federation.workflow.reana import PVC, SECRET, reana_job
from tests.laboratory import Laboratory, parts
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.part_workflow import WORKFLOW_PART

pytestmark = [pytest.mark.kube, pytest.mark.condor, pytest.mark.realnode]
STEPS = 20
EXAMPLES = Path(__file__).parents[2] / "clusters/hub/examples"
NAMESPACE = "flows"
QUEUES_REST = """
namespaces = ["flows"]
[[queue.principal]]
namespace = "flows"
default = "group_flows"
"""
RIGHTS = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list", "watch", "delete"]},
    {"apiGroups": [""], "resources": ["pods", "pods/log", "events"], "verbs": ["get", "list", "watch"]},
]
"""What Prefect's worker wants of the cluster that its Jobs are made in."""


class Site(NamedTuple):
    """A running federation: the program, its hub cluster, its members by name, and Prefect beside it."""

    fed: JobFederation
    hub: HubCluster
    planes: dict[str, ControlPlane]
    prefect: Prefect


@pytest.fixture(scope="session")
def workflow_program() -> Path:
    """The Python of the workflow program's environment."""
    return parts.ensure(WORKFLOW_PART) / "bin/python"


@pytest.fixture(scope="module")
def site(
    lab: Laboratory,
    jobs_only: Callable[..., JobFederation],
    tmp_path_factory: pytest.TempPathFactory,
    workflow_program: Path,
) -> Iterator[Site]:
    """A hub without nodes, a member with a real kubelet, one with a simulated node. Prefect's server starts first."""
    folder = tmp_path_factory.mktemp("prefect") / "it"
    prefect = Prefect(workflow_program, folder, lab.session.address(), *lab.session.ports(1))
    prefect.start_server()
    try:
        with lab.part() as part:
            planes = part.control_planes("w1", "w2")
            hub = HubCluster(part.control_plane("hub", kwok=False), NAMESPACE)
            part.real_node(planes["w1"], "real-w1", labels=REANA_NODES)
            planes["w2"].add_fake_nodes("n", 1, cpu=12, memory="64Gi")
            part.pod_runner(planes["w2"])
            fed = jobs_only()
            for name, plane in planes.items():
                joined(fed, plane, name)
            fed.add_queue(hub, QUEUES_REST)  # after the members: what they take copies of is what we may read there
            fed.start()
            yield Site(fed, hub, planes, prefect)
            fed.stop()
    finally:
        prefect.stop()


def joined(fed: JobFederation, plane: ControlPlane, name: str) -> None:
    """A member; the one with the real kubelet lets three pods in at once and takes copies of Secrets."""
    fed.join_for_jobs(plane, name)
    if name == "w1":
        fed.add_to_member(name, "ceiling", "pods = 3")
        fed.add_to_member(name, "jobs", 'copied = ["Secret"]')
        fed.run("join", name, "--kubeconfig", str(plane.kubeconfig), "--cluster-context", name, check=False)


def prefect_rights(hub: HubCluster) -> Path:
    """A kubeconfig of an ordinary user of one namespace."""
    api = "rbac.authorization.k8s.io"
    head = {"apiVersion": f"{api}/v1", "metadata": {"name": "prefect", "namespace": NAMESPACE}}
    hub.plane.api.create({**head, "kind": "Role", "rules": RIGHTS})
    hub.plane.api.create(
        {
            **head,
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": api, "kind": "Role", "name": "prefect"},
            "subjects": [{"apiGroup": api, "kind": "User", "name": "prefect"}],
        }
    )
    return hub.plane.kubeconfig_for("prefect")


@pytest.mark.timeout(600)
def test_a_fan_out_of_twenty_steps_of_an_unmodified_workflow_program_runs_over_two_members(site: Site) -> None:
    site.prefect.wait_for_server()
    site.prefect.start_worker(prefect_rights(site.hub), NAMESPACE)
    begin = time.monotonic()
    told = site.prefect.fan_out(STEPS, 1, NAMESPACE, {LABEL: QUEUE})
    took = time.monotonic() - begin
    jobs = {job["metadata"]["name"]: job for job in site.hub.plane.api.items(site.hub.path())}
    where = Counter(member(job) for job in jobs.values())
    ran = [seconds(jobs[one["job"].partition(":")[2]]) for one in told[:STEPS]]
    print(f"{STEPS} steps and one that fails: {dict(where)}, {took:.1f} s; from creation to the end each {sorted(ran)}")
    print(site.prefect.log("worker")[-1500:])
    assert [one["state"] for one in told[:STEPS]] == ["COMPLETED"] * STEPS, json.dumps(told, indent=1)
    assert min(where[name] for name in site.planes) >= 3, "both members had a part"
    assert not site.hub.plane.api.items("/api/v1/pods"), "nothing ran in the hub"
    assert told[STEPS]["state"] == "CRASHED", "Prefect saw that its Job failed, and was not told by the step"
    name = told[STEPS]["job"].partition(":")[2]
    failed = condition(jobs[name], "Failed")
    print(f"{name}: {failed['reason']}: {failed['message']}")
    assert (failed["reason"], jobs[name]["status"]["failed"]) == ("BackoffLimitExceeded", 1)
    assert "7" in failed["message"], "its exit code"


def member(job: Thing) -> str:
    """Where it ran, as its condition in the hub says: "at w1, GROUP"."""
    return str(condition(job, "fedsched.io/Placed")["message"].split()[1].rstrip(","))


def seconds(job: Thing) -> float:
    """From its creation to its completion, as the hub says."""
    form = "%Y-%m-%dT%H:%M:%SZ"
    begin, end = (
        time.mktime(time.strptime(text, form))
        for text in (job["metadata"]["creationTimestamp"], job["status"]["completionTime"])
    )
    return end - begin


def example(name: str) -> str:
    """A manifest that we ship, for the laboratory's queue, namespace and image."""
    text = (EXAMPLES / name).read_text()
    for shipped, here in {
        "fedsched.io/queue: hub": f"fedsched.io/queue: {QUEUE}",
        'value: "hub"': f'value: "{QUEUE}"',
        "namespace: physics": f"namespace: {NAMESPACE}",
        "docker.io/library/busybox:1.37": BUSYBOX,
    }.items():
        text = text.replace(shipped, here)
    return text


@pytest.fixture(scope="module")
def secret(site: Site) -> str:
    """What REANA keeps for its user in the hub's namespace, and the policy that makes its steps ours."""
    site.hub.plane.kubectl("apply", "-f", "-", stdin=example("steps-of-reana.yaml"))
    eventually("the policy is in force", lambda: adopted(site), 30)
    site.hub.plane.api.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": NAMESPACE},
            "stringData": {"VOMS_PASS": "swordfish", "userkey.pem": "a key of ten words that nobody else may see"},
        }
    )
    return SECRET


@pytest.mark.timeout(240)
def test_a_reana_shaped_job_runs_with_its_secret_and_its_end_and_logs_come_back(site: Site, secret: str) -> None:
    site.hub.create(
        reana_job("run-job-good", 'wc -w < "$X509_USER_PROXY"; echo "${#VOMS_PASS} letters, user $(id -u)"')
    )
    site.hub.create(reana_job("run-job-bad", "echo it goes wrong; exit 3"))
    good = site.hub.wait("run-job-good", "Complete", 90)["status"]
    bad = site.hub.wait("run-job-bad", "Failed", 60)["status"]
    said = site.fed.run("logs", f"{NAMESPACE}/run-job-good").stdout
    print(said, json.dumps(good), json.dumps(bad), sep="\n")
    assert "10\n" in said, "the words of its key, by way of the init container"
    assert "9 letters, user 1000" in said
    assert (good["succeeded"], good.get("failed", 0), good.get("active", 0)) == (1, 0, 0), "REANA asks for these"
    assert (bad["failed"], bad.get("active", 0)) == (1, 0)
    failed = condition({"status": bad}, "Failed")
    assert "3" in failed["message"], failed
    assert "it goes wrong" in site.fed.run("logs", f"{NAMESPACE}/run-job-bad").stdout
    shown = site.fed.run("events", "-o", "json", check=False).stdout + site.fed.log()
    assert "swordfish" not in shown
    eventually("the copies of the Secret went with those of the Jobs", lambda: not copied_secrets(site, secret))


def adopted(site: Site) -> bool:
    """Whether a step that REANA would make now is ours; nothing is made."""
    words = ("create", "--dry-run=server", "--validate=ignore", "-o", "json", "-f", "-")  # REANA names a dead field
    tried = site.hub.plane.kubectl(*words, stdin=json.dumps(reana_job("tried", "true")))
    made: Thing = json.loads(tried)
    return made["spec"].get("managedBy") == "fedsched.io/hub" and LABEL in made["metadata"]["labels"]


def copied_secrets(site: Site, content: str) -> list[str]:
    """Names of Secrets at members that hold what that of the hub does."""
    whole = site.hub.plane.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{content}")["data"]
    path = "/api/v1/namespaces/fedsched/secrets"
    found = [one for plane in site.planes.values() for one in plane.api.items(path)]
    return [one["metadata"]["name"] for one in found if set(one.get("data", {}).values()) & set(whole.values())]


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("secret")
def test_a_workspace_that_no_member_has_is_named_as_what_is_missing(site: Site) -> None:
    site.hub.create(reana_job("run-job-shared", "true", workspace=True))

    def sentence() -> str:
        done = site.fed.run("explain", f"{NAMESPACE}/run-job-shared", check=False)
        return done.stdout if PVC in done.stdout else ""

    said = eventually("the claim is named", sentence, 30)
    print(said)
    assert f"PersistentVolumeClaim/{PVC}" in said
    assert "`jobs.objects` in clusters/w1.toml" in said, "and what would change that"

    def placed() -> list[Thing]:
        told = site.hub.status("run-job-shared").get("conditions", [])
        return [one for one in told if one["type"] == "fedsched.io/Placed"]

    (waits,) = eventually("the Job itself says so, once it has waited for ten seconds", placed, 30)
    assert waits["status"] == "False"
    assert PVC in waits["message"]
    site.hub.plane.kubectl("delete", "job", "run-job-shared", "-n", NAMESPACE, "--wait=false")


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("secret")
def test_a_job_whose_copy_is_taken_back_shows_no_failed_pod_to_clients_that_would_take_it_for_its_end(
    site: Site,
) -> None:
    """Prefect calls a run crashed when `failed` is above backoffLimit; REANA when it is not 0 and nothing is active."""
    name = "run-job-held"
    uid = site.hub.create(reana_job(name, "trap 'exit 9' TERM; while :; do sleep 0.2; done"))
    eventually("it runs", lambda: site.hub.status(name).get("active"), 60)
    site.fed.run("hold", f"{NAMESPACE}/{name}", "--reason", "the site is full")
    seen: list[tuple[int, int]] = []

    def gone() -> bool:
        status = site.hub.status(name)
        seen.append((status.get("active", 0), status.get("failed", 0)))
        return not copies(site.planes, uid)

    eventually("its copy is gone", gone)
    eventually("the hub says that it is held", lambda: held(site, name))
    eventually("and that nothing of it is active", lambda: gone() and seen[-1][0] == 0)
    print(f"{name}: (active, failed) {sorted(set(seen))}: {json.dumps(site.hub.status(name))}")
    assert {failed for _, failed in seen} == {0}
    assert seen[-1] == (0, 0)
    site.fed.run("release", f"{NAMESPACE}/{name}", "--reason", "there is room")
    eventually("it runs again", lambda: site.hub.status(name).get("active"), 60)
    site.fed.run("cancel", f"{NAMESPACE}/{name}", "--reason", "enough")
    failed = condition(site.hub.wait(name, "Failed"), "Failed")
    assert failed["reason"] == "Cancelled"


def held(site: Site, name: str) -> bool:
    """Whether the hub says that a person holds the Job."""
    conditions = site.hub.status(name).get("conditions") or []
    return any(one["type"] == "fedsched.io/Placed" and one["reason"] == "Held" for one in conditions)


@pytest.mark.timeout(240)
def test_the_jobs_that_docs_show_run_as_they_are(site: Site) -> None:
    """The examples of docs/jobs.md by kubectl: one Job, and four pods that run together or not at all."""
    kubectl = site.hub.plane.kubectl
    hello = kubectl("create", "-o", "name", "-f", "-", stdin=example("hello.yaml")).strip()
    kubectl("create", "-f", "-", stdin=example("gang.yaml"))
    at_once = eventually("four pods run", lambda: site.hub.status("fit-in-four").get("active") == 4, 60)
    assert at_once
    waited = ("wait", "--for=condition=complete", "--timeout=60s", "-n", NAMESPACE)
    assert "condition met" in kubectl(*waited, hello, "job/fit-in-four")
    status = site.hub.status("fit-in-four")
    assert (status["succeeded"], status["completedIndexes"]) == (4, "0-3")
    said = site.fed.run("explain", f"{NAMESPACE}/fit-in-four").stdout
    print(said)
    assert "fit-in-four" in said
