"""A member that takes users' Jobs, on a real API server, under exactly the rights that its file needs; for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fedsched.config.settings import JobRules, MemberFile
from fedsched.kube.capacity import CapacityReader
from fedsched.kube.rights import rights
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model import CreateObject, ObjectView, Outcome
from tests.kube import job_builders as build
from tests.kube.reading import QUICK
from tests.kube.write_builders import FEDERATION, NOW
from tests.kube.write_site import EPOCH, Site

if TYPE_CHECKING:
    from fedsched.kube.jobs.bundle import JobBundle
    from fedsched.matchmaker.model import Form, Placement
    from tests.laboratory.controlplane import ControlPlane

JOBS_ACCOUNT = "fedsched-jobs"
Object = dict[str, Any]


class JobSite(Site):
    """As join leaves it with these forms; `rules` is its file's [jobs]."""

    def __init__(
        self,
        plane: ControlPlane,
        namespace: str,
        rules: JobRules | None = None,
        forms: tuple[Form, ...] = ("startd-job", "job"),
    ) -> None:
        self.rules, self.forms = rules or JobRules(), forms
        super().__init__(plane, namespace)
        self.grant(JOBS_ACCOUNT, rights("m1", "full", forms, jobs=self.member.terms.jobs))
        self.transport = Transport(self.credential(JOBS_ACCOUNT), requests_per_s=1000)
        self.actuator = self.new_actuator()

    def member_file(self, **overrides: Any) -> MemberFile:
        """The member's file; simulated pods run for ten minutes."""
        made = build.member(self.namespace, self.rules, **{"annotations": (("sim/seconds", "600s"),)} | overrides)
        return msgspec.structs.replace(made, terms=msgspec.structs.replace(made.terms, forms=self.forms))

    def where(self, manifest: Object, **changed: Any) -> Placement:
        """A placement of a Job on the nodes of this site."""
        return build.placement(manifest, **{"selector": (("site", self.label),)} | changed)

    def copy(self, manifest: Object, *copies: Object, **changed: Any) -> Outcome:
        """Try to make the copy of a Job."""
        return self.make(self.where(manifest, **changed), build.bundle(manifest, *copies))

    def make(self, placement: Placement, bundle: JobBundle | None) -> Outcome:
        """The same with what a queue gave."""
        return self.actuator.act(CreateObject("m1", placement), bundle, EPOCH, NOW)

    def copied(self, manifest: Object, *copies: Object, **changed: Any) -> Object:
        """The copy of a Job, which must come to be, as the server has it."""
        outcome = self.copy(manifest, *copies, **changed)
        assert outcome.result == "done", outcome.what
        return self.admin.get(f"{self.batch}/fs-{changed.get('id', 'p-0001')}")

    def ours(self) -> set[str]:
        """Names of ConfigMaps, Secrets and Jobs that go with placements."""
        found = set.union(*(self.names_of(path) for path in (f"{self.core}/configmaps", f"{self.core}/secrets")))
        return {name for name in found | self.names_of(self.batch) if name.startswith("fs-")}

    def reader(self) -> CapacityReader:
        """Reads this member under its own rights; the caller starts and stops it."""
        return CapacityReader(self.member, self.transport, QUICK, lambda: None, FEDERATION)

    def seen(self, reader: CapacityReader, ready: Any) -> ObjectView:
        """The view of the only copy, once it is as wanted."""

        def look() -> ObjectView | None:
            _, objects = reader.latest()
            return next((each for each in objects if ready(each)), None)

        found: ObjectView = self.until(look, "the copy as wanted", 90)
        return found
