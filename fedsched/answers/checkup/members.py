"""Members: they answer, let us do what we must, and nobody but us writes there; clocks, versions, credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedsched.answers.checkup.look import Fault, Judged, Look
from fedsched.matchmaker.explain import age

if TYPE_CHECKING:
    from fedsched.kube.site import Site

MOST_SKEW_S = 5.0
OLDEST = (1, 27)
"""Of Kubernetes, as `join` asks."""
DAY_S = 86_400.0
SHORT_S = 3_600.0
"""A credential with less than this before its end was not renewed in time."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def every_member_answers(look: Look) -> Judged | None:
    """FA1: each joined member was read whole just now."""
    if not look.sites:
        return None
    faults = []
    for name, site in sorted(look.sites.items()):
        if site.contact in {"unauthorized", "forbidden"} and site.error:
            faults.append(Fault(f"{name} refuses our credential: {site.error}", f"fedsched join {name}", name))
        elif site.error:
            way = "look at its network and API server; what runs there ends by itself"
            faults.append(Fault(f"{name}: {site.error}", way, name, broken=False))
    return Judged(f"{len(look.answering)} of {len(look.sites)} members were read whole", tuple(faults))


def no_fence_is_above_our_epoch(look: Look) -> Judged | None:
    """FA5: nobody with a later start than ours has written at a member."""
    if not look.answering:
        return None
    faults = [
        Fault(
            f"{name} has seen epoch {site.fence_epoch}, the journal's is {look.epoch}: a second fedsched wrote there",
            "find and stop it, then: fedsched serve (it takes an epoch above all)",
            name,
        )
        for name, site in sorted(look.answering.items())
        if site.fence_epoch > look.epoch
    ]
    highest = max(site.fence_epoch for site in look.answering.values())
    return Judged(f"epoch {look.epoch}; the highest at {len(look.answering)} members is {highest}", tuple(faults))


def the_anchor_stands_and_owns_all(look: Look) -> Judged | None:
    """FA6: each member has our anchor, and everything of ours hangs on it."""
    if not look.answering:
        return None
    faults = []
    for name, site in sorted(look.answering.items()):
        loose = [thing.name for thing in site.objects if not thing.owned and not thing.deleting]
        if not site.anchor_uid:
            text = f"{name} has no anchor: its site asked us to leave, or join did not finish"
            faults.append(Fault(text, f"ask the site; to come back: fedsched join {name}", name))
        elif loose:
            text = f"{len(loose)} objects at {name} do not hang on its anchor: {', '.join(loose[:5])}"
            faults.append(Fault(text, "fedsched serve: the daemon gives them their owner", name))
    count = sum(len(site.objects) for site in look.answering.values())
    return Judged(f"{len(look.answering)} anchors, {count} objects hang on them", tuple(faults))


def quotas_count_what_is_ours(look: Look) -> Judged | None:
    """What each quota has counted is at least what we have there."""
    lines = [(name, line) for name, site in sorted(look.answering.items()) for line in site.quotas]
    if not look.answering:
        return None
    faults = [
        Fault(
            f"{line.quota} at {name} counts {line.used:g} {line.resource}, our pods there ask for {line.ours:g}",
            f"the site's quota controller is behind or off: kubectl describe quota {line.quota}",
            name,
        )
        for name, line in lines
        if line.ours > line.used * (1 + 1e-9)
    ]
    said = "; ".join(
        f"{name}: {line.resource} {line.ours:g} ours, {line.used:g} of {line.hard:g}" for name, line in lines[:4]
    )
    more = f" and {len(lines) - 4} lines more" if len(lines) > 4 else ""
    return Judged(f"{said}{more}" if lines else "no member has a quota that counts all pods", tuple(faults))


def we_have_every_right_that_we_need(look: Look) -> Judged | None:
    """Our account at each member may do all that fedsched does there."""
    if not look.answering:
        return None
    faults = [fault for name, site in sorted(look.answering.items()) for fault in _lacking(name, site)]
    asked = sum(site.asked for site in look.answering.values())
    return Judged(f"all {asked} rights at {len(look.answering)} members", tuple(faults))


def _lacking(name: str, site: Site) -> Iterator[Fault]:
    for feature, what, optional in site.lacking:
        text = f"without {what} at {name} this fails: {feature}"
        yield Fault(text, f"re-join to grant it: fedsched join {name}", name, broken=not optional)


def clocks_agree(look: Look) -> Judged | None:
    """RE3: members', collectors' and schedds' clocks differ from ours by less than 5 s."""
    skews = {name: site.clock_skew_s for name, site in sorted(look.answering.items())}
    skews |= dict(look.own.skews) if look.own else {}
    faults = [
        Fault(f"the clock of {name} is {skew:+.1f} s from ours", "set up NTP there or here", name)
        for name, skew in skews.items()
        if abs(skew) >= MOST_SKEW_S
    ]
    for who, ahead_s in _ahead(look):
        text = f"{who} tells times that are {ahead_s:.0f} s ahead of our clock"
        faults.append(Fault(text, "set up NTP there or here", who))
    worst = max(skews.values(), key=abs, default=0.0)
    return Judged(f"{len(skews)} clocks within {worst:+.1f} s of ours: {', '.join(list(skews)[:6])}", tuple(faults))


def _ahead(look: Look) -> Iterator[tuple[str, float]]:
    """Who speaks of what comes: their clock is before ours."""
    for pool in look.seen.pools:
        latest = max((slot.seen_at for slot in pool.slots), default=0.0)
        if latest - look.at > MOST_SKEW_S:
            yield f"collector {pool.name}", latest - look.at
    for schedd in look.seen.schedds:
        latest = max((one.oldest_at for one in schedd.classes), default=0.0)
        if latest - look.at > MOST_SKEW_S:
            yield f"schedd {schedd.name}", latest - look.at


def members_speak_a_version_that_we_know(look: Look) -> Judged | None:
    """Kubernetes is new enough at each member."""
    if not look.answering:
        return None
    faults = []
    for name, site in sorted(look.answering.items()):
        found = _VERSION.match(site.version)
        if found is None:
            faults.append(Fault(f"{name} calls itself {site.version!r}", "allow GET /version", name, broken=False))
        elif (int(found[1]), int(found[2])) < OLDEST:
            text = f"{name} is {site.version}, {OLDEST[0]}.{OLDEST[1]} or newer is needed"
            faults.append(Fault(text, "ask the site to upgrade", name))
    versions = ", ".join(f"{name} {site.version}" for name, site in sorted(look.answering.items())[:6])
    return Judged(versions, tuple(faults))


def credentials_last(look: Look) -> Judged | None:
    """No credential and no token is about to end unrenewed."""
    ends = [(f"credential of {name}", site.expires_at, "") for name, site in sorted(look.sites.items())]
    ends += list(look.own.tokens) if look.own else []
    if not ends:
        return None
    faults = []
    for which, end, problem in ends:
        if problem:
            faults.append(Fault(f"{which}: {problem}", "fedsched flock-config names the command", which))
        elif end is not None and end <= look.at:
            faults.append(Fault(f"{which} ended {age(look.at - end)} ago", _renew(which), which))
        elif end is not None and end - look.at < SHORT_S:
            faults.append(Fault(f"{which} ends in {age(end - look.at)}", _renew(which), which))
    left = [end - look.at for _, end, _ in ends if end is not None]
    shortest = f"; the first ends in {min(left) / DAY_S:.1f} days" if left else ", none of them ever ends"
    return Judged(f"{len(ends)} credentials and tokens{shortest}", tuple(faults))


def _renew(which: str) -> str:
    name = which.rpartition(" ")[2]
    return f"fedsched rotate {name}" if which.startswith("credential") else "make a new one: fedsched flock-config"


MEMBERS = (
    every_member_answers,
    no_fence_is_above_our_epoch,
    the_anchor_stands_and_owns_all,
    quotas_count_what_is_ours,
    we_have_every_right_that_we_need,
    clocks_agree,
    members_speak_a_version_that_we_know,
    credentials_last,
)
