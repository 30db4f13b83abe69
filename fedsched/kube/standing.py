"""The parts that stand at a member besides placements: anchor, fence, worker files, token; kept as they should be."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fedsched.config.settings import MemberFile
from fedsched.kube import manifests
from fedsched.kube.failures import EndedError
from fedsched.kube.manifests import Owner
from fedsched.kube.shared_read import SharedRead
from fedsched.kube.transport import TransportError
from fedsched.kube.vetting import RefusedError
from fedsched.kube.worker_bundle import WorkerBundle
from fedsched.kube.writing import Writer
from fedsched.matchmaker.model import names

ATTEMPTS = 5
TRUST_S = 60.0
"""For so long we believe that what we wrote still stands, in seconds."""
ROLES = f"{names.LABEL_ROLE} in (anchor,fence)"

Object = dict[str, Any]


class NoAnchorError(RefusedError):
    """Nothing to stand on: no anchor (the site asked us to leave, or join never ran), a foreign one, a broken fence."""


class Footing(msgspec.Struct, frozen=True):
    """What was found before a write. fence: the fence's object, None when it is missing."""

    anchor_uid: str
    fence: Object | None = None

    @property
    def epoch(self) -> int:
        """The highest epoch that has written here; 0 for none. NoAnchorError when no number stands there."""
        text = str((self.fence or {}).get("data", {}).get("epoch", "0"))
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else -1
        # Twice what is believed elsewhere: ours may stand a little above the highest that was believed.
        if not 0 <= number <= 2 * names.MOST_EPOCH:
            raise NoAnchorError(
                f"{names.FENCE} holds {text[:40]!r} instead of an epoch; delete it, fedsched makes it anew"
            )
        return number


class Standing:
    """Standing parts of one member. Of two threads that write the same part at once one finds that it is there."""

    def __init__(self, member: MemberFile, writer: Writer, federation_id: str) -> None:
        self._member = member
        self._writer = writer
        self._federation_id = federation_id
        self._known: dict[str, float] = {}
        self._footing = SharedRead(self._look)

    def owner(self, footing: Footing) -> Owner:
        """On whose behalf objects are written now."""
        return Owner(self._federation_id, footing.anchor_uid)

    def footing(self) -> Footing:
        """Anchor and fence as they stand after this was called; NoAnchorError without an anchor of this federation."""
        return self._footing.get()

    def _look(self) -> Footing:
        """In one request."""
        found = {each["metadata"]["name"]: each for each in self._writer.items("ConfigMap", ROLES)}
        anchor = found.get(names.ANCHOR)
        if anchor is None:
            raise NoAnchorError(
                f"{names.ANCHOR} is not in namespace {self._member.namespace}: the site asked us to leave, or "
                f"`fedsched join {self._member.name}` has not run"
            )
        theirs = anchor["metadata"].get("labels", {}).get(names.PART_OF, "")
        if theirs != self._federation_id:
            raise NoAnchorError(f"namespace {self._member.namespace} belongs to federation {theirs!r}; take another")
        return Footing(anchor["metadata"]["uid"], found.get(names.FENCE))

    def guard(self, epoch: int) -> Footing:
        """The footing, if no higher epoch stands here; EndedError "fenced" otherwise. A lower one is raised to ours."""
        for _ in range(ATTEMPTS):
            footing = self.footing()
            if footing.epoch > epoch:
                raise EndedError(
                    "fenced", f"epoch {footing.epoch} stands at {self._member.name}, ours is {epoch}: stop"
                )
            if footing.epoch == epoch or self._raise(footing, epoch):
                return footing
        raise EndedError("retry", f"{names.FENCE} at {self._member.name} changes faster than we can write it")

    def ensure_files(self, worker: WorkerBundle, owner: Owner) -> None:
        """The ConfigMap of these worker files stands; EndedError when its name is taken by something else."""
        wanted = manifests.files_map(worker, self._member, owner)
        name = wanted["metadata"]["name"]
        if self._believed(f"{name} {owner.anchor_uid}"):
            return
        seen = self._writer.get("ConfigMap", name)
        if seen is None:
            self._writer.create(wanted, "create-files")
        elif not _ours(wanted, seen) or seen.get("data") != wanted["data"]:
            raise EndedError("conflict", f"foreign-object: ConfigMap {name} in {self._member.namespace} is not ours")
        elif not _owned(seen, owner):
            self._writer.delete("ConfigMap", name, {"uid": seen["metadata"]["uid"]}, "delete-files")
            self._writer.create(wanted, "create-files")
        self._believe(f"{name} {owner.anchor_uid}")

    def ensure_token(self, pool: str, worker: WorkerBundle, owner: Owner) -> bool:
        """The Secret holds this token for this pool; True when it had to be written. EndedError when it is foreign."""
        mark = f"{pool} {owner.anchor_uid} {hash(worker.token)}"
        if self._believed(mark):
            return False
        wanted = manifests.token_map(pool, worker, self._member, owner)
        name = wanted["metadata"]["name"]
        seen = self._writer.get("Secret", name)
        if seen is None:
            self._writer.create(wanted, "create-token")
        elif not _ours(wanted, seen):
            raise EndedError("conflict", f"foreign-object: Secret {name} in {self._member.namespace} is not ours")
        elif _owned(seen, owner) and (seen.get("data") or {}).get(pool) == wanted["data"][pool]:
            self._believe(mark)
            return False
        else:
            self._patch_token(wanted, seen)
        self._believe(mark)
        return True

    def forget(self) -> None:
        """Believe nothing: what stands is looked at again before the next write."""
        self._known.clear()

    def _patch_token(self, wanted: Object, seen: Object) -> None:
        kept = {key: seen["metadata"][key] for key in ("uid", "resourceVersion")}
        metadata = kept | {"ownerReferences": wanted["metadata"]["ownerReferences"]}
        change = {"metadata": metadata, "data": wanted["data"]}
        self._writer.patch("Secret", wanted["metadata"]["name"], change, "renew-token")

    def _raise(self, footing: Footing, epoch: int) -> bool:
        """Compare and swap; False when somebody else was faster."""
        try:
            if footing.fence is None:
                self._writer.create(manifests.fence(epoch, self._member, self.owner(footing)), "raise-fence")
            else:
                kept = {key: footing.fence["metadata"][key] for key in ("uid", "resourceVersion")}
                self._writer.patch(
                    "ConfigMap", names.FENCE, {"metadata": kept, "data": {"epoch": str(epoch)}}, "raise-fence"
                )
        except TransportError as error:
            if error.status in {404, 409}:
                return False
            raise
        return True

    def _believed(self, mark: str) -> bool:
        return time.monotonic() - self._known.get(mark, -TRUST_S) < TRUST_S

    def _believe(self, mark: str) -> None:
        self._known = {key: at for key, at in self._known.items() if time.monotonic() - at < TRUST_S}
        self._known[mark] = time.monotonic()


def _ours(wanted: Object, seen: Object) -> bool:
    labels = seen["metadata"].get("labels") or {}
    return all(labels.get(key) == text for key, text in wanted["metadata"]["labels"].items())


def _owned(seen: Object, owner: Owner) -> bool:
    return any(each.get("uid") == owner.anchor_uid for each in seen["metadata"].get("ownerReferences") or [])
