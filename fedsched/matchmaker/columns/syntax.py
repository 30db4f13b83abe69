"""ClassAd text as a tree, with the library's precedence; a text that is not surely read alike is declined."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from fedsched.matchmaker.classad.calls import closing
from fedsched.matchmaker.classad.gate import CONTEXTS, bound
from fedsched.matchmaker.classad.literals import OTHER, Typed
from fedsched.matchmaker.classad.scan import Refused, Token, join, tokens
from fedsched.matchmaker.classad.typed import constant

MAX_DEPTH = 150
"""Deepest tree that is compiled; the library gives up at 400, counting brackets and attributes that are followed."""

MAX_NESTED = 50
"""Most brackets, conditions and signs within one another: each takes several calls of Python to read."""


class Declined(Exception):  # noqa: N818 - no error: the library is asked
    """An expression that is not compiled."""


class Tree(NamedTuple):
    """kind: literal, name, operator, call, list, item, odd (only the library reads it).

    name: the sign, the function or the attribute, in lower case; for a name, scope is "", "my" or "target".
    text: the same in ClassAd text. depth: levels, brackets counted. odd: something odd is in it.
    """

    kind: str
    name: str
    text: str
    depth: int = 1
    parts: tuple[Tree, ...] = ()
    scope: str = ""
    value: Typed = Typed(OTHER)
    odd: bool = False


_LEVELS = (
    *(("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!=", "=?=", "=!=", "is", "isnt")),
    *(("<", "<=", ">", ">="), ("<<", ">>", ">>>"), ("+", "-"), ("*", "/", "%")),
)
_SAME = {"is": "=?=", "isnt": "=!="}
_BINDS = {sign: level for level, signs in enumerate(_LEVELS) for sign in signs}
_WORDS = {"true", "false", "undefined", "error"}
_SCOPES = {"my", "target"}
_VALUES = {"name", "quoted", "text", "number"}
_END = Token("end", "")
_LARGEST = (1 << 63) - 1


@lru_cache(maxsize=1 << 14)
def parsed(text: str) -> Tree:
    """The tree of an expression; Declined when it is not compiled, Refused when the gate says no."""
    return _Reader(tokens(bound(text))).whole()


def odd(text: str) -> bool:
    """Whether something in a text can only be read by the library."""
    try:
        return parsed(text).odd
    except Declined:
        return True
    except Refused:  # its ad is refused as a whole
        return False


class _Reader:
    """Reads tokens from left to right; each method returns the largest tree of its level that begins here."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = [*found, _END]
        self._at = 0
        self._open = 0

    def whole(self) -> Tree:
        """The tree of all tokens."""
        tree = self._expression()
        if self._next is not _END:
            raise Declined("something follows")
        return tree

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, text: str) -> bool:
        """Passes the operator or bracket `text` if it comes next."""
        token = self._next
        found = token.text == text and token.kind not in _VALUES
        self._at += found
        return found

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise Declined(f"no {text}")

    def _node(self, kind: str, name: str, start: int, parts: tuple[Tree, ...]) -> Tree:
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise Declined("too deep")
        text = join(self._tokens[start : self._at])
        return Tree(kind, name, text, depth, parts, odd=any(part.odd for part in parts))

    def _expression(self) -> Tree:
        """The conditional operator, which takes everything to its right."""
        start = self._at
        self._enter()
        tree = self._binary(0)
        if self._take("?"):
            chosen = self._expression()
            self._need(":")
            tree = self._node("operator", "?", start, (tree, chosen, self._expression()))
        self._open -= 1
        return tree

    def _enter(self) -> None:
        self._open += 1
        if self._open > MAX_NESTED:
            raise Declined("nested too deeply")

    def _binary(self, loosest: int) -> Tree:
        start = self._at
        left = self._unary()
        while (level := self._level()) >= loosest:
            sign = self._next.text.lower()
            self._at += 1
            right = self._binary(level + 1)
            left = self._node("operator", _SAME.get(sign, sign), start, (left, right))
        return left

    def _level(self) -> int:
        """How tightly the binary operator that comes next binds; -1 when none does."""
        kind, text = self._next
        if kind == "name":
            text = text.lower()
            return _BINDS[text] if text in _SAME else -1
        return _BINDS.get(text, -1) if kind == "operator" else -1

    def _unary(self) -> Tree:
        start, sign = self._at, self._next.text
        if self._next.kind != "operator" or sign not in {"!", "~", "-", "+"}:
            return self._postfix()
        self._at += 1
        self._enter()
        operand = self._unary()
        self._open -= 1
        return self._node("operator", f"unary {sign}", start, (operand,))

    def _postfix(self) -> Tree:
        """Items, and `?:`, which binds tighter than any other operator and takes another of this level."""
        start = self._at
        tree = self._primary()
        while self._next.kind in {"[", "."}:
            tree = self._selected(tree, start) if self._take(".") else self._item(tree, start)
        if self._take("?:"):
            tree = self._node("operator", "?:", start, (tree, self._postfix()))
        return tree

    def _item(self, tree: Tree, start: int) -> Tree:
        self._need("[")
        index = self._expression()
        self._need("]")
        return self._node("item", "", start, (tree, index))

    def _selected(self, tree: Tree, start: int) -> Tree:
        """An attribute of either side, or of anything else, which is left to the library."""
        kind, text = self._next
        if kind not in {"name", "quoted"}:
            raise Declined("a selection of no name")
        self._at += 1
        whole = join(self._tokens[start : self._at])
        if tree.kind == "name" and not tree.scope and tree.name in _SCOPES:
            name = _unquoted(text) if kind == "quoted" else text
            return Tree("name", name.lower(), whole, depth=2, scope=tree.name)
        return Tree("odd", "", whole, depth=self._at - start, odd=True)

    def _primary(self) -> Tree:
        start = self._at
        kind, text = self._next
        if kind in {"number", "text"}:
            self._at += 1
            return _literal(text)
        if kind in {"name", "quoted"}:
            return self._named()
        if self._take("("):
            inner = self._expression()
            self._need(")")
            return inner._replace(depth=inner.depth + 1, text=f"({inner.text})")
        if self._take("{"):
            return self._node("list", "", start, self._several("}"))
        if kind == "[":
            return self._odd(start)
        raise Declined(f"{text or 'the end'} where a value should be")

    def _several(self, end: str) -> tuple[Tree, ...]:
        """Expressions with commas between, up to the bracket `end`."""
        found: list[Tree] = []
        while not self._take(end):
            if found:
                self._need(",")
            found.append(self._expression())
        return tuple(found)

    def _named(self) -> Tree:
        start, token = self._at, self._next
        name = token.text.lower()
        follows = self._tokens[start + 1].kind
        if token.kind == "quoted":
            name = _unquoted(name)
        elif follows == "(":
            return self._call(name, start)
        elif name in _WORDS:
            self._at += 1
            return _literal(token.text)
        elif name in _SAME:
            raise Declined("an operator where a value should be")
        self._at += 1
        return Tree("name", name, join([token]))

    def _call(self, name: str, start: int) -> Tree:
        if name in CONTEXTS:
            self._at += 1
            return self._odd(start)
        self._at += 2
        return self._node("call", name, start, self._several(")"))

    def _odd(self, start: int) -> Tree:
        """What stands in the bracket that comes next, to be evaluated by the library."""
        self._at = closing(self._tokens, self._at) + 1
        text = join(self._tokens[start : self._at])
        return Tree("odd", "", text, depth=self._at - start, odd=True)


def _unquoted(text: str) -> str:
    if "\\" in text:
        raise Declined("an escape in a name")
    return text[1:-1]


def _literal(text: str) -> Tree:
    if text.isdigit() and int(text) > _LARGEST:
        raise Declined("an integer of more than 64 bits")
    value = constant(text)
    if value.kind == OTHER:
        raise Declined("a literal that only the library reads")
    return Tree("literal", "", text, value=value)
