"""Ads that nobody should send, as demand classes: what the core gets if they were let by."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import DemandClass, Principal, ScheddView
from tests.matchmaker.builders import demand, res, schedd

EVIL = Principal("", "mallory@evil")
LONG = "x" * 300

EXPRESSIONS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "recursion": ("MY.a", (("a", "MY.b && TARGET.Cpus > 0"), ("b", "MY.a || MY.a"))),
    "itself": ("MY.Requirements || MY.Requirements", ()),
    "doubling": (f"a{30} > 0", (("a0", "1"), *((f"a{n}", f"a{n - 1} + a{n - 1}") for n in range(1, 31)))),
    "a hundred thousand terms": ("1" + " + 1" * 100_000, ()),
    "as many terms as are let through": (" || ".join(f'TARGET.Machine == "n{n}"' for n in range(600)), ()),
    "deep": ("(" * 5_000 + "true" + ")" * 5_000, ()),
    "a long list": (f"member(TARGET.Machine, {{{', '.join(f'{n}' for n in range(1_900))}}})", ()),
    "a long string": (f'stringListMember(TARGET.Machine, "{",".join(f"n{n}" for n in range(9_000))}")', ()),
    "a pattern that never ends": ('regexp("(a+)+$", MY.t)', (("t", f'"{"a" * 4_000}b"'),)),
    "a pattern on a long text": ('regexp("a.*a.*b", MY.t)', (("t", f'"{"a" * 4_000}"'),)),
    "patterns in a list": ('stringListRegexpMember("(a|a)*b", MY.t)', (("t", f'"{"a," * 9_000}"'),)),
    "a pattern from elsewhere": ("regexp(MY.p, TARGET.Machine)", (("p", '"(x+x+)+y"'),)),
    "contexts in contexts": ("countMatches(evalInEachContext(x, TARGET.L), TARGET.L) > 0", ()),
    "chance": ("random() < 0.5", ()),
    "the machine": ('userHome("root") == "/root"', ()),
    "text as an expression": ('eval("true")', ()),
    "not a number": ('real("NaN") == real("NaN")', ()),
    "infinite": ('TARGET.Cpus > real("INF")', ()),
    "text where numbers belong": ('TARGET.Cpus > "many"', ()),
    "another ad": ("true ] ; [ Evil = 1", ()),
    "a zero byte": ("tr\0ue", ()),
    "no text": ("\udce9 == 1", ()),
    "nothing": ("/* */", ()),
    "a long name": (f"TARGET.{LONG} > 0", ()),
    "the whole ad": ("size(TARGET) < 0", ()),
}


def one(name: str, number: int = 0, idle: int = 1_000_000) -> DemandClass:
    requirements, attributes = EXPRESSIONS[name]
    base = demand(f"evil-{name}-{number}", idle, res(1), schedd="evil", principal=EVIL, requirements=requirements)
    more = (*attributes, ("number", str(number)))
    return msgspec.structs.replace(base, attributes=tuple(sorted(more)), examples=(f"{number}.0",), oldest_at=0.0)


def harmless(number: int) -> DemandClass:
    """A class as anybody could have it, for a machine that nobody has."""
    base = demand(f"evil-harmless-{number}", 1_000_000, res(1), schedd="evil", principal=EVIL)
    return msgspec.structs.replace(base, requirements=f'TARGET.Arch == "none" && TARGET.Cpus >= {number}')


def evil(*classes: DemandClass) -> ScheddView:
    return schedd(*classes, name="evil")


def everything(each: int = 1) -> ScheddView:
    """Every kind, `each` times."""
    return evil(*(one(name, number) for name in EXPRESSIONS for number in range(each)))
