"""What must be so of every single write (FA3, FA5, FA6, FA7), judged when it has reached the world."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.matchmaker.model import AdoptOwner, CreateObject, DeleteObject, DeletePod, InvalidateAds, OrderLeave
from fedsched.matchmaker.model import ParkDaemonSet as Park
from fedsched.study.invariants import truth
from fedsched.study.invariants.step import Write


def every_write_was_intended_before(write: Write) -> Iterator[str]:
    """FA3: the journal holds an open intent for it, durably, before anything is tried."""
    if not write.intended:
        yield f"{_said(write)} was tried and no intent is open in the journal"


def no_older_epoch_writes_after_a_newer(write: Write) -> Iterator[str]:
    """FA5: once a higher epoch has written at a member, a lower one writes nothing there."""
    highest = write.past.highest.get(write.member, 0)
    if write.outcome.result == "done" and write.epoch < highest:
        yield f"{_said(write)} by epoch {write.epoch} after epoch {highest} has written there"


def who_met_a_higher_epoch_tries_nothing_more(write: Write) -> Iterator[str]:
    """FA5: the older fedsched stops at the first fence that it meets, and not only at that member."""
    if write.stopped:
        yield f"{_said(write)} was tried by epoch {write.epoch}, which had met a higher one"


def a_create_that_succeeded_left_our_object(write: Write) -> Iterator[str]:
    """FA3: "done" means that the object under the computed name is ours and carries this very placement."""
    change = write.change
    if not isinstance(change, CreateObject) or write.outcome.result != "done":
        return
    member = write.world.members[change.member]
    thing = member.api.things.get(change.placement.object_name)
    if thing is None or not thing.ours or thing.placement != change.placement or thing.uid != write.outcome.uid:
        yield f"{_said(write)} is done, but {change.placement.object_name} is not our object for it"


def a_placement_has_one_object(write: Write) -> Iterator[str]:
    """FA3: whatever is retried, lost or started again, at most one object per placement over all members."""
    if not isinstance(write.change, CreateObject):
        return
    made, one = write.past.made, write.change.placement.id
    found = [m for m, thing in truth.things(write.world) if thing.ours and made.get(thing.uid) == one]
    if len(found) > 1:
        yield f"placement {one} has {len(found)} objects, at {', '.join(found)}"


def strangers_are_left_alone(write: Write) -> Iterator[str]:
    """FA6: what lacks our labels is never touched, whatever its name."""
    target = write.target
    if target is not None and not target.ours and write.outcome.result == "done":
        yield f"{_said(write)} was done to {target.name}, which is not ours"
    now = truth.strangers(write.world)
    for (member, name), was in write.past.strangers.items():
        if now.get((member, name)) != was:
            yield f"{name} at {member} is a stranger's and was changed by {_said(write)}"


def whatever_is_changed_is_named_by_its_uid(write: Write) -> Iterator[str]:
    """FA3, FA7: a deletion, an order or a patch is about that very object, never about whatever has its name now."""
    change = write.change
    if not isinstance(change, DeletePod | DeleteObject | OrderLeave | AdoptOwner | Park):
        return
    if not change.uid:
        yield f"{_said(write)} names no uid"
    elif write.target is not None and write.outcome.result == "done" and write.target.uid != change.uid:
        yield f"{_said(write)} was decided about {change.uid} and done to {write.target.uid}"


def the_ad_of_a_living_startd_stays(write: Write) -> Iterator[str]:
    """FA8: only ads whose pod is gone are invalidated."""
    change = write.change
    if not isinstance(change, InvalidateAds):
        return
    there = {pod.uid for _, _, pod in truth.placements(write.world) if pod.running}
    for startd in write.world.pool.startds.values():
        if startd.pod.name == change.pod and startd.pod.uid in there and startd.lost_at is None:
            yield f"the ad of {change.pod} was invalidated while its pod runs"


WRITING = (
    every_write_was_intended_before,
    no_older_epoch_writes_after_a_newer,
    who_met_a_higher_epoch_tries_nothing_more,
    a_create_that_succeeded_left_our_object,
    a_placement_has_one_object,
    strangers_are_left_alone,
    whatever_is_changed_is_named_by_its_uid,
    the_ad_of_a_living_startd_stays,
)


def _said(write: Write) -> str:
    placement = getattr(write.change, "placement", None)
    about = placement.id if placement else getattr(write.change, "placement_id", "")
    return f"{type(write.change).__name__} {about} at {write.change.member or 'a pool'}"
