"""Expressions over the whole grammar and ads to evaluate them in, drawn from a seed; nothing is evaluated here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

from fedsched.matchmaker.classad import from_old

Pairs: TypeAlias = tuple[tuple[str, str], ...]

NAMES = ("Cpus", "Memory", "Price", "Arch", "Site", "Has", "Version", "Sites", "Deep", "Gone", "List", "Odd", "Both")
_BINARY = (
    *("&&", "||", "&&", "||", "==", "!=", "<", "<=", ">", ">=", "=?=", "=!=", "is", "isnt", "IS", "ISNT"),
    *("+", "-", "*", "/", "%", "<<", ">>", ">>>", "&", "|", "^", "?:"),
)
_INTEGERS = (
    "0",
    "1",
    "2",
    "7",
    "-1",
    "64",
    "2048",
    "9223372036854775807",
    "4611686018427387904",
    "-9223372036854775807",
)
_REALS = ("0.0", "-0.0", "0.5", "1.5", "2.5", "-2.5", "1e300", "1e19", ".25", "3.0E2", "9007199254740993.0", "1e400")
_STRINGS = (
    *('""', '"a"', '"A"', '"X86_64"', '"x86_64"', '"T2_DE_DESY"', '"t2_de_desy"', '"10.0.1"', '"9.8"', '"_"', '"Z"'),
    *('"a, b,c"', '"T2_DE_DESY, SU"', '"true"', '"3"', '" 2.5"', '"alice@b.org"', '"slot1@n1"', '"a\\"b"', '"\\\\d"'),
    *('"\\n"', '"\\303\\251"', '"é"', '"a b"', '"\\101"'),
)
_WORDS = ("true", "false", "undefined", "error", "TRUE", "Undefined")
_OPTIONS = ("", ', "i"', ', ""')
_PATTERNS = ('"^T2_"', '"a"', '"^(bad|slow)"', '"[0-9]+$"', '"X.6"', '"^$"', '"(?i)desy"', '"\\\\d"')
_SHAPES = (
    *("isUndefined({0})", "isError({0})", "isString({0})", "isInteger({0})", "isReal({0})", "isBoolean({0})"),
    *("isList({0})", "isClassAd({0})", "int({0})", "real({0})", "bool({0})", "string({0})", "floor({0})"),
    *("ceiling({0})", "round({0})", "pow({0}, {1})", "quantize({0}, {1})", "min({{{0}, {1}}})", "max({{{0}, {1}}})"),
    *("sum({{{0}, {1}}})", "avg({{{0}, {1}}})", "strcat({0}, {1})", "substr({0}, {1})", "substr({0}, 1, {1})"),
    *("strcmp({0}, {1})", "stricmp({0}, {1})", "toUpper({0})", "toLower({0})", "size({0})", "split({0})"),
    *("split({0})[0]", 'split({0}, ",")[{1}]', "size(split({0}))", "splitUserName({0})[0]", "splitSlotName({0})[1]"),
    *(
        "versioncmp({0}, {1})",
        "versionGT({0}, {1})",
        "versionGE({0}, {1})",
        "versionLE({0}, {1})",
        "versionEQ({0}, {1})",
    ),
    *('version_in_range({0}, "9.0", {1})', "member({0}, {{{1}, {2}}})", "identicalMember({0}, {{{1}, {2}}})"),
    *('anyCompare("<", {{{0}, {1}}}, {2})', 'allCompare("==", {{{0}, {1}}}, {2})', "stringListSize({0})"),
    *(
        "stringListSum({0})",
        "stringListMember({0}, {1})",
        "stringListIMember({0}, {1})",
        'stringListMember({0}, {1}, ";")',
    ),
    *(
        "stringListSubsetMatch({0}, {1})",
        "stringListsIntersect({0}, {1})",
        "ifThenElse({0}, {1}, {2})",
        "int({0}, {1})",
    ),
    *("isUndefined()", "member({0}, {1})", "size({0}, 1)", "{{{0}, {1}}}[{2}]", "{{{0}, {1}}}", "({0})[{1}]", "time()"),
)
_ODD = (
    *("[a = {0}; b = {1}].a", "[q = {0}; r = q].r", "countMatches({0}, {{ [Cpus = {1}] }})", "TARGET.Odd.Cpus"),
    *(
        "countMatches(MY.Deep, TARGET.Odd) >= {0}",
        "other.Cpus",
        "self.Cpus",
        "evalInEachContext({0}, {{ [Cpus = 3] }})",
    ),
    *("member({0}, List)", "size(List)", "List[{0}]", "size(Odd)", "List is {0}", "Odd.Memory + {0}", ".Cpus"),
)


def atom(chance: Random, names: Sequence[str] = NAMES) -> str:
    """A literal or a name."""
    kind = chance.random()
    if kind < 0.5 and names:
        name = chance.choice(names[:8] if chance.random() < 0.8 else names)
        scope = chance.choice(("", "", "TARGET.", "MY.", "target.", "My . "))
        return f"{scope}'{name}'" if chance.random() < 0.03 else f"{scope}{_cased(name, chance)}"
    return chance.choice((_INTEGERS, _REALS, _STRINGS, _STRINGS, _WORDS)[int(kind * 10) % 5])


def _cased(name: str, chance: Random) -> str:
    return chance.choice((name, name, name.lower(), name.upper()))


def expression(chance: Random, depth: int = 4, odd: float = 0.01, names: Sequence[str] = NAMES) -> str:
    """A random expression over `names`; odd: how likely each part is something that only the library reads."""
    if depth <= 0 or chance.random() < 0.12:
        return atom(chance, names)
    inner = [expression(chance, depth - chance.choice((1, 1, 2, 3)), odd, names) for _ in range(3)]
    if chance.random() < odd:
        return chance.choice(_ODD).format(*inner)
    made: tuple[Callable[[], str], ...] = (
        lambda: _joined(inner, chance),
        lambda: _joined(inner, chance),
        lambda: f"({_joined(inner, chance)})",
        lambda: chance.choice(("!", "-", "+", "~", "! !", "- ")) + f"({inner[0]})",
        lambda: f"({inner[0]} ? {inner[1]} : {inner[2]})",
        lambda: chance.choice(_SHAPES).format(*inner),
        lambda: _patterned(inner[0], chance),
    )
    return chance.choice(made[:6] if chance.random() < 0.9 else made)()


def _joined(inner: list[str], chance: Random) -> str:
    between = chance.choice(_BINARY)
    if between == "?:":
        return f"({inner[0]}) ?: ({inner[1]})"
    return f" {between} ".join(inner[: chance.choice((2, 2, 2, 3))])


def _patterned(inner: str, chance: Random) -> str:
    pattern, option = chance.choice(_PATTERNS), chance.choice(_OPTIONS)
    shapes = (f"regexp({pattern}, {inner}{option})", f"stringListRegexpMember({pattern}, {inner})")
    return inner if "egexp" in inner else chance.choice(shapes)


def written(text: str, chance: Random) -> str:
    """The same, sometimes with comments, or as old syntax has it."""
    if chance.random() < 0.05:
        return f"/* why */ {text} // so"
    return from_old(text) if chance.random() < 0.05 else text


def ad(chance: Random, *, formulas: float = 0.2) -> Pairs:
    """A random ad: each attribute may be missing, of another type, or a formula."""
    told = {name: _value(name, chance) for name in NAMES if chance.random() < 0.85}
    for place, name in enumerate(NAMES[:8]):
        if name in told and chance.random() < formulas / 4:
            told[name] = expression(chance, 2, 0.0, NAMES[place + 1 : 8])
    told["Requirements"] = expression(chance, 3)
    return tuple((_cased(name, chance), text) for name, text in told.items())


def _value(name: str, chance: Random) -> str:
    if chance.random() < 0.1:
        return atom(chance, ())
    if name in _OFTEN:
        return chance.choice(_OFTEN[name])
    return str(chance.randint(0, 9000))


_OFTEN = {
    "Price": ("0.5", "1.25", "2.0", "-3.5", "1", "0.0"),
    "Arch": ('"X86_64"', '"aarch64"', '"x86_64"'),
    "Site": ('"T2_DE_DESY"', '"T1_US_FNAL"', '"SU"', '"t2_de_desy"'),
    "Has": ("true", "false", "undefined", "1"),
    "Version": ('"10.0.1"', '"9.8.1"', '"23.9.6"', '"$CondorVersion: 23.9.6 2024-08-01 $"'),
    "Sites": ('"SU,T2_DE_DESY"', '"a, b"', '"SU; PSC"', '""'),
    "Deep": ("TARGET.Cpus > 2", "Cpus * 2", "MY.Memory / Cpus", "TARGET.Both", "true", "Memory > 1024 && TARGET.Has"),
    "Gone": ("undefined", "error", "TARGET.Deep", "Deep"),
    "List": ('{"a", "SU"}', "{1, 2.5, Cpus}", '"SU"', "{}"),
    "Odd": ("[Cpus = 3; Memory = Cpus]", "{[Cpus = 3], [Cpus = 9]}", "7", "[a = 1].a"),
    "Both": ("TARGET.Cpus + 1", "Memory + TARGET.Memory", "3", "Cpus", "TARGET.Both"),
}
