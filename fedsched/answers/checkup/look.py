"""What a checkup judges: one look at everything, with what the journal and this machine say; nothing is judged here."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from fedsched.matchmaker.model import Held, MemberTerms, Memory, Observation, Policy, ShareLine

if TYPE_CHECKING:
    from fedsched.kube.site import Seen, Site


class Fault(msgspec.Struct, frozen=True):
    """Why a property does not hold, or cannot be said to. broken: it is known not to."""

    text: str
    fix: str = ""
    about: str = ""
    broken: bool = True


class Judged(msgspec.Struct, frozen=True):
    """A property with its evidence; it holds when there is no fault."""

    evidence: str
    faults: tuple[Fault, ...] = ()


class Own(msgspec.Struct, frozen=True):
    """What this machine says of our own parts. Sizes in bytes, times in epoch seconds.

    versions: (what, version). skews: (who, its clock minus ours in seconds, 0 for agreement) of collectors and schedds.
    web: addresses that should answer with what they said, "" for a good answer. tokens: (which, its end or None for
    never, what is wrong with it or ""). free: (folder, bytes free there). journal: bytes of its files, and the most
    that they should have.
    """

    versions: tuple[tuple[str, str], ...] = ()
    skews: tuple[tuple[str, float], ...] = ()
    web: tuple[tuple[str, str], ...] = ()
    tokens: tuple[tuple[str, float | None, str], ...] = ()
    free: tuple[tuple[str, int], ...] = ()
    journal: tuple[int, int] = (0, 0)


class Look:
    """Everything at one moment. Times in epoch seconds.

    seen: what was observed, now or (not live) for the last cycle. memory, epoch: of the journal. before: placements
    that memory held when the look began: what stands was placed before or meanwhile. holder: who runs the federation,
    "" for nobody. cycle_at: of the last cycle, None before the first. version: of the fedsched that decided it; shares:
    its share tree.
    sites: what each member says beside that; none without a live look.
    """

    def __init__(  # noqa: PLR0913 - one look has so many parts, and every one is named where it is made
        self,
        *,
        at: float,
        seen: Observation,
        memory: Memory,
        policy: Policy,
        terms: tuple[MemberTerms, ...] = (),
        epoch: int = 0,
        before: frozenset[str] = frozenset(),
        holder: str = "",
        cycle_at: float | None = None,
        cycle_s: float = 10.0,
        version: str = "",
        shares: tuple[ShareLine, ...] = (),
        sites: tuple[Site, ...] = (),
        live: bool = True,
        own: Own | None = None,
    ) -> None:
        self.at = at
        self.seen = seen
        self.memory = memory
        self.policy = policy
        self.terms = {one.name: one for one in terms}
        self.epoch = epoch
        self.before = before
        self.holder = holder
        self.cycle_at = cycle_at
        self.cycle_s = cycle_s
        self.version = version
        self.shares = shares
        self.sites = {site.member: site for site in sites}
        self.live = live
        self.own = own

    @property
    def served(self) -> bool:
        """Whether a daemon runs."""
        return bool(self.holder)

    @property
    def is_old(self) -> bool:
        """Whether the journal's memory is of a past that nobody has followed since."""
        return self.cycle_at is None or self.at - self.cycle_at > max(60.0, 3 * self.cycle_s)

    @cached_property
    def held(self) -> dict[str, Held]:
        """What memory holds, by id."""
        return {one.placement.id: one for one in self.memory.held}

    @cached_property
    def known(self) -> frozenset[str]:
        """Placements that memory held when the look began, or holds after it."""
        return self.before | self.held.keys()

    @cached_property
    def answering(self) -> dict[str, Site]:
        """Members that were read whole."""
        return {name: site for name, site in self.sites.items() if not site.error}

    @cached_property
    def objects(self) -> tuple[tuple[str, Seen], ...]:
        """(where it stands, object) of all that carries our labels at members that answered."""
        return tuple((name, thing) for name, site in sorted(self.answering.items()) for thing in site.objects)
