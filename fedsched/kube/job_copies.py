"""Writes the copy of a user's Job at one member with all that goes with it; what these look like is in jobs/.

Checkpoints, each called just before the write of that name: create-holder, create-copies, create-object, own-copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fedsched.config.settings import MemberFile
from fedsched.kube.failures import EndedError
from fedsched.kube.jobs import objects
from fedsched.kube.jobs.bundle import JobBundle
from fedsched.kube.jobs.copy import Beside, copy_of
from fedsched.kube.jobs.fields import read
from fedsched.kube.jobs.references import names_in
from fedsched.kube.jobs.spec import JobSpec, Refusal
from fedsched.kube.manifests import Owner
from fedsched.kube.transport import TransportError
from fedsched.kube.vetting import RefusedError
from fedsched.kube.writing import Writer
from fedsched.matchmaker.model import Placement

Object = dict[str, Any]
Create = Callable[[Object], tuple[str, str]]
"""Creates an object of a placement: its uid, and facts."""


class Copies:
    """For one member; each placement for one thread at a time."""

    def __init__(self, member: MemberFile, writer: Writer, create: Create) -> None:
        self._member = member
        self._writer = writer
        self._create = create

    def write(self, placement: Placement, bundle: JobBundle, owner: Owner, priority_class: str) -> tuple[str, str]:
        """The uid of the copy, and facts about it.

        Raises RefusedError for what may not be there, EndedError, TransportError. Called again after any interruption
        it finds what it wrote.
        """
        spec = self._spec(bundle)
        contents = self._contents(spec, bundle)
        if not contents:
            return self._create(copy_of(spec, placement, self._member, owner, Beside(priority_class)))
        # Before the first write: what is refused leaves nothing behind.
        copy_of(spec, placement, self._member, owner, Beside(priority_class, dict.fromkeys(contents, "x")))
        holder = self._holder(placement, owner)
        called = {what: objects.name_of(placement, holder["metadata"]["uid"], what) for what in contents}
        under = Owner(owner.federation_id, holder["metadata"]["uid"])
        for what, content in contents.items():
            self._once(objects.copied(content, called[what], placement, self._member, under))
        uid, facts = self._create(copy_of(spec, placement, self._member, owner, Beside(priority_class, called)))
        self._hang(holder, placement, uid)
        return uid, facts

    def _spec(self, bundle: JobBundle) -> JobSpec:
        spec = read(bundle.manifest)
        if isinstance(spec, Refusal):
            raise RefusedError(str(spec))
        if spec.uid != bundle.uid or spec.id != bundle.job:
            raise RefusedError(f"what the queue gave for Job {bundle.job} is another one: {spec.id}")
        return spec

    def _contents(self, spec: JobSpec, bundle: JobBundle) -> dict[tuple[str, str], Object]:
        named = names_in(spec.pod)
        found = {what: each for what, each in objects.wanted(bundle.copies, self._member).items() if what in named}
        missing = [each for each in spec.objects if each[0] in self._member.jobs.copied and each not in found]
        allowed = [f"{kind}/{name}" for kind, name in missing]
        absent = [what for what in allowed if not objects.stands_there(what, self._member)]
        if absent:
            raise RefusedError(f"{', '.join(absent)[:200]} is not in namespace {spec.namespace} of the queue")
        return dict(sorted(found.items()))

    def _holder(self, placement: Placement, owner: Owner) -> Object:
        wanted = objects.holder(placement, self._member, owner)
        try:
            return self._writer.create(wanted, "create-holder")[0]
        except TransportError as error:
            if error.status != 409 or error.reason != "AlreadyExists":
                raise
        seen = self._writer.get("ConfigMap", placement.object_name)
        if seen is None or seen["metadata"].get("deletionTimestamp"):
            raise EndedError("retry", f"ConfigMap {placement.object_name} is just going")
        labels = seen["metadata"].get("labels") or {}
        if any(labels.get(key) != text for key, text in wanted["metadata"]["labels"].items()):
            raise EndedError("conflict", f"foreign-object: ConfigMap {placement.object_name} is not ours; remove it")
        return seen

    def _once(self, wanted: Object) -> None:
        """Its name follows from its holder's uid: where there is one of that name it is ours, unread."""
        try:
            self._writer.create(wanted, "create-copies")
        except TransportError as error:
            if error.status != 409 or error.reason != "AlreadyExists":
                raise

    def _hang(self, holder: Object, placement: Placement, uid: str) -> None:
        """From now on the objects go with the Job; where that may not be written a later sweep clears them.

        Where the holder is gone meanwhile, so are the objects: the Job that was just made waits for them in vain, and
        goes as well. EndedError.
        """
        reference = objects.job_reference(placement, uid)
        if holder["metadata"].get("ownerReferences") == [reference]:
            return
        head = {"uid": holder["metadata"]["uid"], "ownerReferences": [reference]}
        try:
            self._writer.patch("ConfigMap", placement.object_name, {"metadata": head}, "own-copies")
        except TransportError as error:
            if error.status == 404:
                options = {"propagationPolicy": "Foreground"}
                self._writer.delete("Job", placement.object_name, {"uid": uid}, "delete-object", **options)
                raise EndedError("retry", f"what goes with {placement.object_name} was removed meanwhile") from error
            if error.status not in {403, 409}:
                raise
