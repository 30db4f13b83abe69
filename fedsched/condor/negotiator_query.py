"""What a pool's negotiator says of groups and submitters, and telling it a submitter's terms; runs only in a child."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from fedsched.condor.negotiator_config import DEFAULT_FACTOR
from fedsched.condor.query import NoAnswerError, texts
from fedsched.condor.questions import Accounts, AskAccounts, Tell, Told
from fedsched.condor.slots import number, string
from fedsched.matchmaker.model import GroupSeen, NegotiatorView, SubmitterSeen

# htcondor2 registers functions with the ClassAd library: it must be imported first.
import htcondor2  # isort: skip
import classad2  # isort: skip

MOST_GROUPS = 2000
MOST_SUBMITTERS = 5000
"""What is read of one negotiator; the rest is passed over, and said."""
MOST_ASKED = 20
"""Most groups whose kind of quota is asked for one by one."""
LONGEST = 300
ROOT = "<none>"
NAME = re.compile(r"[^\x00-\x20\x7f\"'\\]{1,300}")
LARGEST = 1e9
"""Numbers beyond are nonsense: no pool has so many cores, and HTCondor takes no such factor."""

Ad = Mapping[str, str]
Setting = Callable[[str], str]
"""A setting of the negotiator by name; "" when it has none or does not let us ask."""


class Settings(NamedTuple):
    """What an accounting ad does not tell: PRIORITY_HALFLIFE in seconds, DEFAULT_PRIO_FACTOR."""

    half_life_s: float = 86_400.0
    default_factor: float = DEFAULT_FACTOR


def accounts(question: AskAccounts) -> Accounts:
    """The negotiator's groups and submitters. Raises NoAnswerError when there is none or it does not let us READ."""
    where = _locate(question.collector)
    setting = _setting(where)
    settings = _settings(setting)
    return view_of((texts(ad) for ad in _priorities(where)), settings, setting, question.at)


def tell(question: Tell) -> Told:
    """Sets what is asked, and reads back: a negotiator that refuses says nothing to the bindings (HTCondor 23, 25)."""
    where = _locate(question.collector)
    settings = _settings(_setting(where))
    negotiator = htcondor2.Negotiator(where)
    error = ""
    try:
        if question.factor is not None:
            negotiator.setFactor(question.name, max(1.0, question.factor * settings.default_factor))
        if question.ceiling is not None:
            negotiator.setCeiling(question.name, int(question.ceiling))
    except (htcondor2.HTCondorException, classad2.ClassAdException, ValueError) as refused:
        error = " ".join(str(refused).split())[:LONGEST]
    view = view_of((texts(ad) for ad in _priorities(where)), settings, lambda _: "", 0.0).view
    return Told(next((one for one in view.submitters if one.name == question.name), None), error)


def view_of(ads: Iterable[Ad], settings: Settings, setting: Setting, at: float) -> Accounts:
    """Accounting ads as a view; every text in them may be hostile, and one bad ad costs only itself."""
    groups: dict[str, Ad] = {}
    submitters: dict[str, SubmitterSeen] = {}
    passed_over = 0
    for ad in ads:
        name = string(ad, "Name")
        if name == ROOT or not NAME.fullmatch(name):
            passed_over += name != ROOT
        elif ad.get("IsAccountingGroup") == "true":
            groups[name] = ad
        elif "@" in name:
            submitters[name] = _submitter(name, ad, settings)
    kept, users = sorted(groups)[:MOST_GROUPS], sorted(submitters)[:MOST_SUBMITTERS]
    passed_over += len(groups) - len(kept) + len(submitters) - len(users)
    quotas = {name: _amount(groups[name], "ConfigQuota") for name in kept}
    asked = [name for name in kept if quotas[name] == 1][:MOST_ASKED]
    fractions = {name for name in kept if 0 < quotas[name] < 1}
    fractions |= {name for name in asked if _is_whole_fraction(name, groups, setting)}
    seen = tuple(
        GroupSeen(
            name,
            0.0 if name in fractions else quotas[name],
            quotas[name] if name in fractions else 0.0,
            string(groups[name], "SurplusPolicy") in {"byquota", "regroup"},
        )
        for name in kept
    )
    view = NegotiatorView(
        seen_at=at,
        half_life_s=settings.half_life_s,
        groups=seen,
        submitters=tuple(submitters[name] for name in users),
    )
    return Accounts(view, passed_over)


def _submitter(name: str, ad: Ad, settings: Settings) -> SubmitterSeen:
    factor = _amount(ad, "PriorityFactor") or settings.default_factor
    effective = _amount(ad, "Priority")
    return SubmitterSeen(
        name=name,
        factor=round(factor / settings.default_factor, 6),
        floor=_amount(ad, "Floor"),
        ceiling=_amount(ad, "Ceiling"),
        usage=round(max(0.5, effective / factor), 6),
        held=_amount(ad, "WeightedResourcesUsed"),
    )


def _amount(ad: Ad, name: str) -> float:
    """A number from 0 to LARGEST; 0 for everything else (a ceiling of -1 is none)."""
    value = number(ad, name)
    return value if value is not None and 0 <= value <= LARGEST else 0.0


def _is_whole_fraction(name: str, groups: Mapping[str, Ad], setting: Setting) -> bool:
    """Whether a quota of 1 means all of the parent and not one core: asked for, else seen from what it came to."""
    if asked := setting(f"GROUP_QUOTA_DYNAMIC_{name}"):
        return bool(asked.strip())
    if setting(f"GROUP_QUOTA_{name}"):
        return False
    return _amount(groups[name], "SubtreeQuota") > 1


def _settings(setting: Setting) -> Settings:
    def positive(name: str, otherwise: float) -> float:
        try:
            value = float(setting(name))
        except ValueError:
            return otherwise
        return value if 0 < value <= LARGEST else otherwise

    return Settings(positive("PRIORITY_HALFLIFE", 86_400.0), positive("DEFAULT_PRIO_FACTOR", DEFAULT_FACTOR))


def _setting(where: Any) -> Setting:
    """Asks the daemon itself; one that does not let us gives "" for every name, and defaults stand."""
    try:
        there = htcondor2.RemoteParam(where)
        known = {name.lower(): name for name in there}
    except (htcondor2.HTCondorException, RuntimeError, OSError):
        return lambda _: ""

    def one(name: str) -> str:
        try:
            return str(there[known[name.lower()]]) if name.lower() in known else ""
        except (htcondor2.HTCondorException, KeyError, RuntimeError, OSError):
            return ""

    return one


def _locate(collector: str) -> Any:
    """The negotiator's ad; of several the first by name, which is the pool's own."""
    try:
        ads = list(htcondor2.Collector(collector).query(htcondor2.AdType.Negotiator))
    except (htcondor2.HTCondorException, classad2.ClassAdException) as error:
        raise NoAnswerError(
            f"collector {collector}: {error} Try: condor_status -pool {collector} -negotiator"
        ) from error
    if not ads:
        raise NoAnswerError(
            f'collector {collector} lists no negotiator; where the pool has none: negotiator = "ignore"'
        )
    return min(ads, key=lambda ad: string(texts(ad), "Name"))


def _priorities(where: Any) -> list[Any]:
    try:
        return list(htcondor2.Negotiator(where).getPriorities())
    except (htcondor2.HTCondorException, classad2.ClassAdException) as error:
        text = " ".join(str(error).split())
        raise NoAnswerError(f"negotiator: {text}; it is down, or does not let us READ. Try: condor_userprio") from error
