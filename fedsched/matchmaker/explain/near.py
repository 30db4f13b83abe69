"""What would let a class run that can run nowhere (E9), and why a placement went where it is (E5), as sentences."""

from __future__ import annotations

from fedsched.matchmaker.model import Candidate, Held, NearestMiss

_NAMES = {"cpu_milli": "", "memory_mib": " of memory", "disk_mib": " of disk", "gpus": ""}


def near_miss(miss: NearestMiss) -> str:
    """Say what would do: with 62 GiB of memory instead of 96 GiB, 3 members would match."""
    where = f"member {miss.example}" if miss.members == 1 else f"{miss.members} members"
    who = f"{where} would match" + ("" if miss.members == 1 else f", {miss.example} among them")
    if miss.what == "requirements":
        return f"Without the clause {_line(miss.need)} {who}."
    return f"With {_line(miss.have)}{_NAMES.get(miss.what, '')} instead of {_line(miss.need)} {who}."


def why_there(held: Held) -> str:
    """Why a placement went where it is: what ranked better and was held back, and what came next."""
    return why_so(held.placement.member, held.placement.node_group, held.candidates)


def why_so(member: str, node_group: str, candidates: tuple[Candidate, ...]) -> str:
    """The same of any placement, by its place and what was open to it."""
    index = chosen(candidates, member, node_group)
    if index < 0:
        return "The places that were open to it then are not recorded."
    taken = candidates[index]
    better, next_best = (_others(part, taken) for part in (candidates[:index], candidates[index + 1 :]))
    text = f"{_place(taken)} was the best place that was open to it (rank {taken.rank:g})"
    if better:
        text += "; better but held back: " + ", ".join(f"{_place(c)} ({c.blocker or 'open'})" for c in better)
    if next_best:
        text += "; next were " + ", ".join(f"{_place(c)} (rank {c.rank:g})" for c in next_best)
    return text + "."


def chosen(candidates: tuple[Candidate, ...], member: str, node_group: str) -> int:
    """Which of them was taken, the first there that was not held back; -1 where none is recorded."""
    there = [n for n, one in enumerate(candidates) if (one.member, one.node_group) == (member, node_group)]
    return next((n for n in there if not candidates[n].blocker), there[0] if there else -1)


def better_places(candidates: tuple[Candidate, ...], index: int) -> int:
    """How many other places ranked better than the one that was taken."""
    return len(_others(candidates[:index], candidates[index]))


def _others(candidates: tuple[Candidate, ...], taken: Candidate) -> list[Candidate]:
    """Each other place once: a place may have been open to startds of several sizes."""
    first = {(one.member, one.node_group): one for one in reversed(candidates)}
    first.pop((taken.member, taken.node_group), None)
    return [one for one in candidates if first.get((one.member, one.node_group)) is one]


def _place(one: Candidate) -> str:
    return f"{_line(one.member)}/{_line(one.node_group)}"


def _line(text: str) -> str:
    """One printable line of at most 200 characters: a job's clause may hold anything."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 200 else line[:199] + "…"
