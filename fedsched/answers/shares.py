"""`share`: the tree of groups and principals with their numbers, who is ahead of whom; entitlement is not made here."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from math import isinf

from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import Of, Share, Shares, head
from fedsched.matchmaker.model import LedgerEntry, ShareLine

_NOTHING = LedgerEntry()


def shares(view: View, of: Of, whom: str = "") -> Shares:
    """All lines, or those that `whom` names with what lies below and above them. NoAnswer where it names nothing."""
    line = in_line(view)
    named = _named(view, whom) if whom else []
    return Shares(
        **head(of),
        shares=tuple(_share(view, one, line) for one in _about(view, named)),
        lent=round(sum(lent_cores(view).values()), 3),
        principals=len(line),
        named=tuple(named),
    )


def in_line(view: View) -> list[ShareLine]:
    """Principals with demand, the next one first."""
    return sorted((one for one in view.plan.shares if one.rank), key=lambda one: one.rank)


def lent_cores(view: View) -> dict[str, float]:
    """What each member lends, smoothed, as cores: the reference of a core-equivalent has one for each (FS2)."""
    members = view.plan.memory.members
    return {name: dict(one.lent).get("cpu_milli", 0.0) / 1000 for name, one in members.items()}


def upwards(view: View, path: str) -> Iterator[str]:
    """The path and all above it, the root last."""
    while path and path in view.lines:
        yield path
        path = view.lines[path].parent
    yield ""


def share_of(view: View, path: str) -> Share | None:
    """One line of the tree; None where the last cycle knew none of that path."""
    found = view.lines.get(path)
    return None if found is None else _share(view, found, in_line(view))


def _named(view: View, whom: str) -> list[str]:
    named = [one.path for one in view.plan.shares if one.path and _names(whom, one.path)]
    if not named:
        raise NoAnswer("unknown", f"no group or user {whom!r} is known here{_like(view, whom)}", "fedsched share")
    return named


def _about(view: View, named: list[str]) -> list[ShareLine]:
    """What was named with what lies above and below it, all where nothing was, as a tree is read."""
    lines = sorted(view.plan.shares, key=lambda one: _order(one.path))
    wanted = {up for path in named for up in upwards(view, path)}
    return [one for one in lines if not named or one.path in wanted or _below(one.path, named)]


def _order(path: str) -> tuple[list[str], bool, str]:
    """Groups in the order of a tree, the principals of each before its subgroups."""
    group, slash, user = path.partition("/")
    return group.split(".") if group else [], bool(slash), user


def _names(whom: str, path: str) -> bool:
    group, slash, user = path.partition("/")
    if not slash:
        return fnmatchcase(group.lower(), whom.lower())
    # "physics.hep.alice@b" is how HTCondor's own tools spell a principal of a group.
    spelled = (path, user, user.partition("@")[0], f"{group}.{user}")
    return any(fnmatchcase(one, whom) for one in spelled)


def _below(path: str, named: list[str]) -> bool:
    return any(path.startswith((f"{one}.", f"{one}/")) for one in named if "/" not in one)


def _like(view: View, whom: str) -> str:
    words = (name for path in view.lines for name in (path.partition("/")[0], path.rpartition("/")[2]) if name)
    close = sorted({name for name in words if whom.lower() in name.lower() or name.lower() in whom.lower()})[:3]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _share(view: View, one: ShareLine, line: list[ShareLine]) -> Share:
    entry = view.plan.memory.ledger.get(one.path)
    ledger = entry or _NOTHING
    ahead = line[one.rank - 2].path if one.rank > 1 else ""
    return Share(
        path=one.path,
        parent=one.parent,
        is_group="/" not in one.path,
        entitled=one.entitled / 1000,
        counted=one.held / 1000,
        charged=one.charged / 1000,
        wasted=one.wasted / 1000,
        demand=one.demand / 1000,
        floor=one.floor / 1000,
        usage=one.usage,
        effective=one.usage * one.factor,
        factor=one.factor,
        weight=one.weight,
        level=None if isinf(one.level) else one.level,
        rank=one.rank,
        ahead=ahead,
        shortfall_s=ledger.shortfall_s,
        core_s=ledger.core_s,
        sentence=_sentence(view, one, line, ahead),
        ledger_at=entry.at if entry else None,
    )


def _sentence(view: View, one: ShareLine, line: list[ShareLine], ahead: str) -> str:
    if not one.path:
        return _root(view, one, line)
    said = f"{one.path} {_holds(one)}"
    if "/" not in one.path:
        below = sum(1 for each in line if each.path.startswith((f"{one.path}.", f"{one.path}/")))
        return f"{said}; {_people(below)} in line."
    if not one.rank:
        return f"{said}; it wants no more."
    behind = f", just behind {ahead}" if ahead else ", the next to get a startd"
    return f"{said}; it is number {one.rank} of {len(line)} in line{behind}."


def _root(view: View, one: ShareLine, line: list[ShareLine]) -> str:
    lent = amount(1000 * sum(lent_cores(view).values()))
    said = f"{amount(one.held)} of {lent} core-equivalents that members lend are held"
    if not line:
        return f"{said}; nobody waits for more."
    return f"{said}; {_people(len(line))} in line, {line[0].path} is next."


def _holds(one: ShareLine) -> str:
    if not one.held and not one.demand:
        return "holds nothing and wants nothing"
    if not one.entitled:
        return f"holds {amount(one.held)} core-equivalents and has no right to any now"
    over = one.held - one.entitled
    part = abs(over) / one.entitled
    away = "just that" if part < 0.005 else f"{part:.0%} {'more' if over > 0 else 'less'}"
    if not one.held:
        away = "nothing yet"
    return f"holds {amount(one.held)} of the {amount(one.entitled)} core-equivalents it has a right to: {away}"


def _people(many: int) -> str:
    return "1 user is" if many == 1 else f"{many} users are"


def amount(milli: float) -> str:
    """Thousandths of a core-equivalent for a person: one digit after the point below a hundred, none above."""
    value = milli / 1000
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}".removesuffix(".0")
