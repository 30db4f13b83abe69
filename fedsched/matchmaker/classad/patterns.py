"""What a regular expression could cost at worst, from its text alone; nothing is matched here.

The library's matcher backtracks: `a.*a.*b` on 4,096 characters held it for 101 s. What is understood here is the part
of its language that job ads use; a pattern with anything else in it is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from fedsched.matchmaker.classad.scan import Refused

MAX_PATTERN = 512
"""Longest pattern, in characters."""
MAX_SUBJECT = 256
"""Longest text, in characters, for a pattern that can take the square of the text's length."""
MAX_STEPS = 1 << 18
"""Most steps that a match may take: some 3 ms."""
LONGEST_SUBJECT = 16 * 1024
"""Longest text, in characters, for any pattern."""
MAX_COUNT = 100
"""Largest count in {}."""


class Cost(NamedTuple):
    """degree: steps grow with the text's length to this power. subject: the longest text, in characters, it may get."""

    degree: int
    subject: int


_ANY = (1 << 128) - 1
"""Characters are bits of a set; beyond ASCII they count as 127."""
_NEWLINE = 1 << 10
_DIGITS = sum(1 << n for n in range(48, 58))
_SPACES = sum(1 << ord(c) for c in " \t\n\r\f\v")
_WORDS = _DIGITS | sum(1 << ord(c) for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_ESCAPED = {"d": _DIGITS, "s": _SPACES, "w": _WORDS, "h": (1 << 32) | (1 << 9)}
_ESCAPED |= {name.upper(): _ANY & ~chars for name, chars in _ESCAPED.items()}
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}

_PIECE = re.compile(
    r"""
    (?P<class>\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\])
  | (?P<open>\((?:\?(?:[:=!]|<[=!]))?)
  | (?P<close>\)) | (?P<or>\|)
  | (?P<edge>[\^$]|\\[bBAzZ])
  | (?P<repeat>[*+?]|\{[0-9]{1,5}(?:,[0-9]{0,5})?\})(?P<how>[?+]?)
  | (?P<escaped>\\[^0-9a-zA-Z]|\\[dDsSwWhHntrf])
  | (?P<char>[^\\])
    """,
    re.VERBOSE | re.DOTALL,
)


class _Piece(NamedTuple):
    """kind: chars, open, close, or, edge, repeat. chars: what one place takes, as a set of bits."""

    kind: str
    text: str
    chars: int = 0


@lru_cache(maxsize=1024)
def cost(pattern: str) -> Cost:
    """The worst cost of a pattern; Refused when that cannot be told, or is more than a match is worth."""
    if len(pattern) > MAX_PATTERN:
        raise Refused(f"a pattern of more than {MAX_PATTERN} characters")
    pieces = _pieces(pattern.removeprefix("(?i)"))
    _check_groups(pieces)
    ways, degree = _ways(pieces), _degree(pieces)
    if degree > 2:
        raise Refused("a pattern with several repetitions that can take the same text")
    if ways * MAX_SUBJECT**degree > MAX_STEPS:
        raise Refused(f"a pattern with {ways} ways through its alternatives and options")
    return Cost(degree, min(LONGEST_SUBJECT, MAX_STEPS // ways) if degree == 1 else MAX_SUBJECT)


def _pieces(pattern: str) -> list[_Piece]:
    found: list[_Piece] = []
    at = 0
    while at < len(pattern):
        part = _PIECE.match(pattern, at)
        if part is None or pattern.startswith("(*", at):
            raise Refused("a pattern with a construct that is not let through")
        kind, text = str(part.lastgroup), part.group()
        kind = "repeat" if kind == "how" else kind
        found.append(_Piece(kind if kind not in {"class", "escaped", "char"} else "chars", text, _chars(kind, text)))
        at = part.end()
    return found


def _chars(kind: str, text: str) -> int:
    """What a piece takes; more than that where it is not worth the trouble. Letters stand for both cases."""
    if kind == "char":
        return _ANY & ~_NEWLINE if text == "." else _fold(text)
    if kind == "escaped":
        return _ESCAPED.get(text[1]) or _fold(_CONTROL.get(text[1], text[1]))
    return _class(text[1:-1]) if kind == "class" else 0


def _fold(char: str) -> int:
    return sum(1 << min(ord(c), 127) for c in {char[0], *char.lower()[:1], *char.upper()[:1]})


def _class(inner: str) -> int:
    """The set of a bracket expression; everything where it is negated, named or ranges beyond plain characters."""
    if not re.fullmatch(r"(?:[\w.,:/@#%&=+ -]|\\[-.])+", inner, re.ASCII):
        return _ANY
    taken = 0
    for first, last in re.findall(r"(\\?[^\\])(?:-(\w))?", inner):
        low, high = ord(first[-1]), ord(last or first[-1])
        for code in range(low, high + 1):
            taken |= _fold(chr(code))
    return taken


def _check_groups(pieces: list[_Piece]) -> None:
    """Brackets match, repetitions repeat something, and none repeats what repeats or has alternatives in it."""
    open_: list[bool] = []  # for each open group: whether a repetition or alternatives are in it
    inner = False  # the same of the group that closed last
    before = "open"
    for kind, text, _ in pieces:
        if kind == "open":
            open_.append(False)
        elif kind == "close":
            if not open_:
                raise Refused("a pattern whose brackets do not match")
            inner = open_.pop()
        elif kind == "repeat":
            _check_repeat(before, text, inner=inner)
        if open_ and (kind in {"or", "repeat"} or (kind == "close" and inner)):
            open_[-1] = True
        before = kind
    if open_:
        raise Refused("a pattern whose brackets do not match")


def _check_repeat(before: str, text: str, *, inner: bool) -> None:
    if before not in {"chars", "close"}:
        raise Refused("a pattern that repeats nothing, or a repetition")
    if before == "close" and inner and text[0] != "?":
        raise Refused("a pattern that repeats a repetition or alternatives")


def _ways(pieces: list[_Piece]) -> int:
    """Ways to choose among alternatives and options: those of one group add up, those of several multiply.

    Alternatives that begin with different characters are one way: only one of them can go on.
    """
    ways = 1
    starts: list[list[int]] = [[]]
    fresh = True
    for index, (kind, text, chars) in enumerate(pieces):
        if kind == "open":
            starts.append([])
        elif kind == "close":
            ways *= _overlapping(starts.pop())
        elif kind == "repeat" and text[0] == "?" and _contested(pieces, index):
            ways *= 2
        if kind == "chars" and fresh:
            starts[-1].append(chars)
        elif fresh and kind == "close":
            starts[-1].append(_ANY)
        fresh = kind in {"open", "or"} or (fresh and kind == "edge")
    return ways * _overlapping(starts[0])


def _overlapping(starts: list[int]) -> int:
    """The most alternatives that can begin with the same character."""
    if len(starts) < 2:
        return 1
    return max(sum(1 for other in starts if one & other) for one in starts)


def _degree(pieces: list[_Piece]) -> int:
    """The power with which steps grow: one for each contested repetition on a way, one if it may begin anywhere."""
    scans = 0
    ways: list[list[int]] = [[0]]  # for each open group, for each of its alternatives: contested repetitions
    for index, (kind, text, _) in enumerate(pieces):
        if kind == "open":
            ways.append([0])
        elif kind == "or":
            ways[-1].append(0)
        elif kind == "close":
            inner = max(ways.pop())
            ways[-1][-1] += inner
        elif kind == "repeat" and text[0] != "?" and not _fixed(text):
            contested = _contested(pieces, index)
            ways[-1][-1] += contested
            scans = max(scans, not contested and bool(_after(pieces, index)))
    return max(1, max(ways[0]) + scans + (0 if _anchored(pieces) else 1))


def _fixed(text: str) -> bool:
    """{n}: no choice. Large counts are refused."""
    if text[0] != "{":
        return False
    counts = [int(n) for n in re.findall("[0-9]+", text)]
    if max(counts) > MAX_COUNT:
        raise Refused(f"a pattern with a count above {MAX_COUNT}")
    return "," not in text


def _contested(pieces: list[_Piece], index: int) -> bool:
    """Whether what follows the repetition at `index` could take what the repetition took: then it may give back.

    At the very end nothing can fail any more.
    """
    if pieces[index].text[-1:] == "+" and len(pieces[index].text) > 1:
        return False  # possessive: it never gives back
    mine, after = pieces[index - 1], _after(pieces, index)
    if not after:
        return False
    if mine.kind != "chars":
        return True
    following = after[0]
    if following.text == "$" and len(after) == 1:
        return bool(mine.chars & _NEWLINE)
    optional = len(after) > 1 and after[1].kind == "repeat" and after[1].text[0] in "*?{"
    return following.kind != "chars" or optional or bool(mine.chars & following.chars)


def _after(pieces: list[_Piece], index: int) -> list[_Piece]:
    """What must match after the piece at `index`: the rest of its alternative, then what follows its groups."""
    found: list[_Piece] = []
    depth, skipping = 0, False
    for piece in pieces[index + 1 :]:
        if piece.kind == "open":
            depth += 1
        elif piece.kind == "close" and depth:
            depth -= 1
        elif piece.kind == "close":
            skipping = False
            continue
        elif piece.kind == "or" and not depth:
            skipping = True
        if not skipping:
            found.append(piece)
    return found


def _anchored(pieces: list[_Piece]) -> bool:
    """Whether a match can begin in one place only: ^ first, or .* first, which the matcher treats alike."""
    if _overall(pieces):
        return False
    if not pieces or pieces[0].text in {"^", "\\A"}:
        return True
    return len(pieces) > 1 and pieces[0].text == "." and pieces[1].text[0] == "*"


def _overall(pieces: list[_Piece]) -> bool:
    """Whether the whole pattern is alternatives."""
    depth = 0
    for kind, *_ in pieces:
        depth += (kind == "open") - (kind == "close")
        if kind == "or" and not depth:
            return True
    return False
