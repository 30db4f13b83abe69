"""A submit file read without a schedd gives the very class that its jobs become once they are in a real queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.condor.demand import terms
from fedsched.condor.principals import Origin
from fedsched.condor.questions import ReadSubmit
from fedsched.condor.submit_reader import read_submit
from fedsched.config.settings import PrincipalRule
from tests.condor.pools import federation, idle, polling, settings, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fedsched.matchmaker.model import DemandClass, ScheddView
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor
FILES = {
    "plain": "",
    "sizes": "request_cpus = 4\nRequest_Memory = 8GB\npriority = 5\n",
    "macros": "N = 3\nrequest_cpus = $(N)\nrequest_memory = $(M:2048)\n",
    "own requirements": 'requirements = HasCVMFS && OpSysAndVer == "AlmaLinux9"\nrank = Memory\nrequest_cpus = 2\n',
    "another platform": 'requirements = (TARGET.Arch == "aarch64") && Cpus > 3 && Disk > 5\n',
    "files always": "should_transfer_files = YES\nwhen_to_transfer_output = ON_EXIT\n",
    "files never": "should_transfer_files = NO\n",
    "gpus": "request_gpus = 2\n",
    "some gpus": "request_gpus = 1\ngpus_minimum_capability = 7.0\ngpus_minimum_memory = 8GB\n",
    "any gpus": "request_gpus = 1\nrequire_gpus = Capability > 8\n",
    "container": "universe = container\ncontainer_image = docker://a/b:1\n",
    "image file": "container_image = foo.sif\ntransfer_container = false\n",
    "docker": "universe = docker\ndocker_image = a/b:1\n",
    "group": "accounting_group = group_atlas.x\naccounting_group_user = zoe\nconcurrency_limits = Lic:2,db\n",
    "foreign group": "accounting_group = group_cms\n",
    "lengths": "allowed_job_duration = 7200\n+MaxWallTimeMins = 60\n",
    "expression": "request_memory = ifthenelse(isundefined(MemoryUsage),2000,MemoryUsage*2)\n+Wants = 3\n",
    "what it reads": '+Site = "x"\nrequirements = TARGET.Where == MY.Site\n',
}


@pytest.fixture
def queue(fresh_pool: Callable[..., Pool], target_pool: Pool) -> Pool:
    """A schedd whose jobs stay idle."""
    return fresh_pool("filed", daemons=("COLLECTOR", "SCHEDD"), flock_to=target_pool)


def test_a_submit_file_gives_the_class_that_its_jobs_really_become(
    queue: Pool, target_pool: Pool, tmp_path: Path
) -> None:
    rule = PrincipalRule("schedd-filed@*", groups=("group_atlas.*",))
    made = msgspec.structs.replace(federation(settings(target_pool, tmp_path)), principals=(rule,))
    texts = {name: _text(number, more) for number, (name, more) in enumerate(FILES.items(), start=1)}
    clusters = {name: queue.submit("alice", text) for name, text in texts.items()}
    with polling(made) as poller:
        view = until("all jobs", lambda: _ours(poller.latest()), 60)[0]
    domains = [dict(one.attributes).get("filesystemdomain", "") for one in view.classes]
    for name, text in texts.items():
        (real,) = [one for one in view.classes if one.examples[0].startswith(f"{clusters[name]}.")]
        question = ReadSubmit(
            text,
            Origin(view.name, view.identity, view.pool),
            terms(made, 1000),
            f"alice@{queue.trust_domain}",
            time.time(),
            filesystem=max(domains),
        )
        (ours,) = read_submit(question).classes
        assert _said(ours) == _said(real), name


def _text(number: int, more: str) -> str:
    """A file whose jobs are told from the others' by their disk."""
    return f"executable = /bin/sleep\narguments = 60\nrequest_disk = {number}GB\n{more}queue {number}\n"


def _ours(views: tuple[ScheddView, ...]) -> list[ScheddView]:
    wanted = sum(range(1, len(FILES) + 1))
    return [view for view in views if view.identity.startswith("schedd-filed@") and idle(view) == wanted]


def _said(one: DemandClass) -> dict[str, object]:
    """Everything that decisions read of a class; ids, times and remarks are left out."""
    names = ("key", "pool", "schedd", "principal", "request", "length", "idle", "requirements", "rank", "attributes")
    more = ("image", "priorities", "concurrency", "gate", "ungrouped", "user", "announced")
    return {name: getattr(one, name) for name in (*names, *more)}
