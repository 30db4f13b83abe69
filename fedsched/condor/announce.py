"""Tells one pool's collector of the classes that wait, an ad each, so that condor_status answers; decides nothing."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable

from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import Announce, Announced, PublishedAd
from fedsched.config.settings import Federation, PoolSettings
from fedsched.log import log
from fedsched.matchmaker.model import ClassNotice

MOST = 2000
"""Most ads in one collector, those with the most jobs without a startd first; FedschedLeftOut tells of the others."""
LIFETIME_S = 900
"""So long a collector keeps an ad that is not renewed: of a daemon that was killed, or is cut off."""
REFRESH_S = 120.0
"""All ads are sent again so often, with a cycle: a collector that restarted has them back, and ages stay small."""
PAUSE_S = 5.0
"""At least so long between two sendings; of what came meanwhile the newest counts."""
SILENT_PAUSE_S = 30.0
REFUSED_PAUSE_S = 300.0
"""After a refusal an admin has to act: tried again so much later."""
LOST_ROUNDS = 2
"""So many times in a row none of the ads that were sent is there: the collector drops them without a word."""
END_S = 1.5
"""So long an ending daemon waits for its ads to be taken away; if they are not, they expire."""
LONGEST = {"Sentence": 1000, "Next": 600}
LONGEST_TEXT = 300

_LOG = log("announce")


class Announcer:
    """One pool. `announce` returns at once; a thread of its own sends what is new. Nobody waits for the collector.

    changed: called, from the thread, when `problem` is another than before.
    """

    def __init__(self, federation: Federation, pool: PoolSettings, changed: Callable[[], None] = lambda: None) -> None:
        self._federation = federation.id
        self._address = federation.web.url or federation.listen
        self._pool = pool
        self._changed = changed
        self._sender = secrets.token_hex(8)
        self._children = Children(pool, federation.cadence.query_limit_s) if pool.announce else None
        self._newest: tuple[ClassNotice, ...] | None = None
        self._sent: dict[str, PublishedAd] = {}
        self._whole_at = float("-inf")
        self._lost = 0
        self._problem = ""
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"announce-{pool.name}", daemon=True)

    def start(self) -> None:
        """Begins to wait for something to tell; with `announce = false` nothing is started."""
        if self._children is not None:
            self._thread.start()

    def end(self) -> None:
        """Asks the thread to take our ads away and to end; returns at once."""
        self._stopping.set()
        self._woken.set()

    def stop(self) -> None:
        """Ends it, and the child processes."""
        self.end()
        if self._thread.is_alive():
            self._thread.join(END_S)
        if self._children is not None:
            self._children.close()

    def announce(self, notices: tuple[ClassNotice, ...]) -> None:
        """These classes wait, and no others; those of other pools are passed over."""
        self._newest = notices
        self._woken.set()

    @property
    def problem(self) -> str:
        """Why its collector does not take the ads, with what to do; "" when it does, or was not asked yet."""
        return self._problem

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Only what a cycle has just said is sent: of a daemon whose cycles hang the ads expire.
            self._woken.wait()
            self._woken.clear()
            if self._newest is not None and not self._stopping.is_set():
                self._stopping.wait(self._tell(self._newest))
        if self._sent:
            self._ask(Announce(self._pool.collector, self._federation, self._sender, ending=True))

    def _tell(self, notices: tuple[ClassNotice, ...]) -> float:
        """Sends what is new; the seconds to leave the collector alone then."""
        wanted = published(notices, self._pool.name, self._federation, self._address)
        whole = time.monotonic() - self._whole_at >= REFRESH_S
        put = wanted if whole else [ad for ad in wanted if not _alike(ad, self._sent.get(ad.name))]
        names = {ad.name for ad in wanted}
        drop = tuple(sorted(self._sent.keys() - names))
        if not whole and not put and not drop:
            return 0.0
        question = Announce(self._pool.collector, self._federation, self._sender, tuple(put), drop, whole)
        answer = self._ask(question)
        if isinstance(answer, str):
            # What of it arrived is not known: all of it next time.
            self._whole_at = float("-inf")
            self._say(f"the collector of pool {self._pool.name} does not answer: {answer}")
            return SILENT_PAUSE_S
        if answer.refused or self._is_lost(answer):
            self._whole_at = float("-inf")
            self._say(refusal(self._pool))
            return REFUSED_PAUSE_S
        if whole:
            self._whole_at = time.monotonic()
        self._sent = {ad.name: ad for ad in wanted}
        if not self._lost:
            self._say("")
        return PAUSE_S

    def _is_lost(self, answer: Announced) -> bool:
        """A collector may drop what it does not want without a word: then none of what was sent is there later."""
        if answer.before is None:
            return False
        self._lost = self._lost + 1 if self._sent and not answer.before else 0
        return self._lost >= LOST_ROUNDS

    def _ask(self, question: Announce) -> Announced | str:
        if self._children is None:
            return "not asked"
        try:
            answer = self._children.ask(question)
        except QueryFailed as failed:
            return str(failed)
        return answer if isinstance(answer, Announced) else "an answer to another question"

    def _say(self, problem: str) -> None:
        """A problem is logged when it is a new one, and once more when it is over."""
        if problem == self._problem:
            return
        self._problem = problem
        if problem:
            _LOG.warning("classes-not-announced", pool=self._pool.name, why=problem)
        else:
            _LOG.info("classes-announced", pool=self._pool.name)
        self._changed()


def published(
    notices: Iterable[ClassNotice], pool: str, federation: str, address: str, most: int = MOST
) -> list[PublishedAd]:
    """The ads of one pool, most unmet first, at most `most`; the first one tells how many classes are left out."""
    here = sorted(
        (notice for notice in notices if notice.pool == pool), key=lambda one: (-one.unmet, -one.idle, one.key)
    )
    ads = [_ad(notice, federation, address) for notice in here[:most]]
    if len(here) > most:
        left = len(here) - most
        text = f"{left} more classes wait with fewer jobs each: see {address} or `fedsched q`."
        values: dict[str, str | int | float] = {
            "Sentence": text,
            "FedschedLeftOut": left,
            "Reason": "left-out",
            "ObservedAt": int(here[0].at),
            "ClassAdLifetime": LIFETIME_S,
        }
        ads.append(PublishedAd(f"left-out@{federation}", values))
    return ads


def _ad(notice: ClassNotice, federation: str, address: str) -> PublishedAd:
    values: dict[str, str | int | float] = {
        "Class": notice.key,
        "Schedd": notice.schedd,
        "User": notice.user,
        "AccountingGroup": notice.group,
        "Request": notice.request,
        "Idle": notice.idle,
        "Unmet": notice.unmet,
        "Reason": notice.word,
        "Sentence": notice.sentence,
        "Next": notice.next,
        "Examples": ", ".join(notice.examples),
        "OldestAt": int(notice.oldest_at),
        "Cycle": notice.cycle,
        "ObservedAt": int(notice.at),
        "Address": address,
        "ClassAdLifetime": LIFETIME_S,
    }
    told = {name: _line(name, value) for name, value in values.items() if value != ""}
    return PublishedAd(f"{notice.key}@{federation}", told)


def _line(name: str, value: str | float) -> str | int | float:
    """A text as one printable line of bounded length: a collector keeps nothing of it behind a line's end."""
    if not isinstance(value, str):
        return value
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    most = LONGEST.get(name, LONGEST_TEXT)
    return line if len(line) <= most else line[: most - 1] + "…"


def _alike(one: PublishedAd, other: PublishedAd | None) -> bool:
    """Whether nothing differs but the moment: that is told by the next refresh."""
    if other is None:
        return False
    return _lasting(one) == _lasting(other)


def _lasting(ad: PublishedAd) -> dict[str, str | int | float]:
    return {name: value for name, value in ad.values.items() if name not in {"Cycle", "ObservedAt"}}


def refusal(pool: PoolSettings) -> str:
    """Why a collector does not take the ads, and what its admin can do."""
    token = f"the token {pool.token_file.name}" if pool.token_file else "a token"
    return (
        f"the collector of pool {pool.name} takes no ads of waiting classes: {token} needs DAEMON there, and the "
        "collector COLLECTOR.ALLOW_DAEMON = $(ALLOW_DAEMON) fedsched@$(TRUST_DOMAIN): fedsched flock-config; "
        "or leave it: announce = false in its [[pool]]"
    )
