"""Documents with foreign users under pseudonyms, in every field, sentences and expressions included.

What is known of who is who comes from `people`; who may see what is decided in `names`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fedsched.answers.queued import KUBECTL
from fedsched.client import NoAnswer
from fedsched.client.documents import Document
from fedsched.replay.pseudonyms import from_the_left
from fedsched.web.aliases import Aliases
from fedsched.web.people import People

LEAST = 3
"""A bare name that is shorter is a unit or a letter in a sentence; where a user is due it is hidden all the same."""
MOST_PARTS = 12
MOST_TEXTS = 200_000
_ESCAPES = {"\\": 1, "%": 2}
"""How many characters after such a mark belong to it."""
_NAMELESS = frozenset({int, float, bool, type(None)})
_CHUNK = re.compile(r"[^\W_]+(?:[._@+-]+[^\W_]+)*")
_JOB_ID = re.compile(r"[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*")
_JOB = re.compile(r"\d+(?:\.\d+)?")
_NOBODY = re.compile(r"slot\d\w*|fs-[a-z0-9-]+|image|.*sha256", re.IGNORECASE)
_OWNER = r"(?:owner|user|remoteowner|remoteuser|acctgroupuser|accountinggroup|niceuser|notifyuser|x509\w*)"
_ASKED = re.compile(rf'(?i)(\b{_OWNER}\s*(?:=\?=|=!=|[=!<>]=?)\s*")([^"]*)(")|("([^"]*)"\s*[=!]=\s*\b{_OWNER}\b)')
_ATTRIBUTE = re.compile(_OWNER, re.IGNORECASE)
USER_FIELDS = frozenset({"user", "by"})
PATH_FIELDS = frozenset({"path", "parent", "ahead", "principal", "preemptor"})


class Veil:
    """For one cycle and one reader. own: who reads, "" for nobody: this one user is shown as he is."""

    def __init__(self, people: People, aliases: Aliases, own: str = "") -> None:
        self._people = people
        self._aliases = aliases
        self._own, self._own_bare = _own(own, people)
        self._bare = {bare.lower(): bare for bare in map(_bare, people.users) if bare}
        self._bare.pop(self._own_bare, None)
        for bare in self._bare.values():
            aliases.known(bare)
        self._seen: dict[str, str] = {}
        self._jobs, self._own_jobs = self._veiled_jobs()
        self._jobs_back = {alias: name for name, alias in self._jobs.items()}
        self._job_names = {name.rpartition("/")[2] for name in self._jobs}

    def document(self, answer: Document) -> Document:
        """The same under pseudonyms."""
        return msgspec.convert(self.values(msgspec.to_builtins(answer)), type(answer))

    def encoded(self, answer: msgspec.Struct) -> bytes:
        """The same under pseudonyms, as JSON."""
        return msgspec.json.encode(self.values(msgspec.to_builtins(answer)))

    def values(self, value: Any) -> Any:
        """What JSON can say, with all names in it replaced; keys of maps only where they have a domain."""
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is dict:
            return {
                (self.text(key) if "@" in key else key): one if type(one) in _NAMELESS else self._field(key, one)
                for key, one in value.items()
            }
        return self._list(value) if kind in {list, tuple} else value

    def text(self, text: str) -> str:
        """Any text with the names in it replaced."""
        found = self._seen.get(text)
        if found is None:
            plain = _JOB_ID.sub(self._job, text) if self._jobs else text
            found = _CHUNK.sub(self._chunk, _ASKED.sub(self._asked, plain))
            if len(self._seen) < MOST_TEXTS:
                self._seen[text] = found
        return found

    def question(self, text: str) -> str:
        """What was asked with names instead of pseudonyms. NoAnswer where it names somebody who is hidden.

        The words are those for a name that nobody has: whether somebody is here is not told.
        """
        if self.text(text) != text:
            raise unknown()
        bare = text.partition("/")[2] if KUBECTL.fullmatch(text) else text
        own = self._own_jobs.get(bare, [])
        if bare in self._job_names and not own and bare not in self._people.public:
            raise unknown()
        # Of Jobs that are called alike his own is meant: that there are others is not told.
        if len(own) == 1:
            return own[0]
        return _JOB_ID.sub(lambda found: self._jobs_back.get(found[0], found[0]), self._aliases.name(text))

    def _veiled_jobs(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """(others' Kubernetes Jobs with their pseudonyms, own ones by name): people name them as they like.

        A namespace is veiled where it is a person's name, as in any text.
        """
        others: dict[str, str] = {}
        own: dict[str, list[str]] = {}
        for name, user in self._people.jobs.items():
            namespace, _, bare = name.rpartition("/")
            if self.shows(user):
                own.setdefault(bare, []).append(name)
            else:
                others[name] = f"{namespace}/job-{self._aliases.stranger(f'Job {name}').removeprefix('user-')}"
        return others, own

    def _job(self, found: re.Match[str]) -> str:
        return self._jobs.get(found[0], found[0])

    def shows(self, user: str) -> bool:
        """Whether the reader sees this user as he is: it is himself."""
        return self._user(user) == user

    def _field(self, name: str, value: Any) -> Any:
        if type(value) is str:
            if name in USER_FIELDS:
                return self._user(value)
            if name in PATH_FIELDS and "/" in value:
                group, _, user = value.rpartition("/")
                return f"{self.text(group)}/{self._user(user)}"
        return self.values(value)

    def _list(self, values: list[Any] | tuple[Any, ...]) -> list[Any]:
        if len(values) == 2 and isinstance(values[0], str) and isinstance(values[1], str):
            name, text = values
            if _ATTRIBUTE.fullmatch(name) and len(text) > 2 and text[0] == text[-1] == '"':
                return [name, f'"{self._user(text[1:-1])}"']
        return [self.values(one) for one in values]

    def _user(self, text: str) -> str:
        """A text that is a user as a whole."""
        user, at, domain = text.partition("@")
        own = text.lower() == self._own or (not at and user.lower() == self._own_bare)
        if not text or own or self._aliases.is_one(user):
            return text
        return f"{self._alias(user)}{at}{domain}"

    def _alias(self, user: str) -> str:
        known = self._bare.get(user.lower())
        return self._aliases.known(known) if known else self._aliases.stranger(user)

    def _asked(self, found: re.Match[str]) -> str:
        """A comparison of an owner with a text: that is a name, also where it is a word like others."""
        if found[5] is not None:
            return found[0].replace(f'"{found[5]}"', f'"{self._principal(found[5])}"', 1)
        return f"{found[1]}{self._principal(found[2])}{found[3]}"

    def _chunk(self, found: re.Match[str]) -> str:
        hidden = self._run(found[0])
        before, glued = found.string[found.start() - 1 : found.start()], found[0]
        cut = _ESCAPES.get(before, 0) if hidden == glued else 0
        # What follows an escape may look as if it were one word with it: "\\nalice", "%20alice".
        return glued[:cut] + self._run(glued[cut:]) if cut else hidden

    def _run(self, chunk: str) -> str:
        if "@" in chunk and chunk.lower() not in self._people.schedds:
            return self._address(chunk)
        return self._words(chunk)

    def _address(self, chunk: str) -> str:
        """Something at something: a job at its schedd, a slot at its machine, or a person."""
        before, _, after = chunk.partition("@")
        if _JOB.fullmatch(before):
            return f"{before}@{after if after.lower() in self._people.schedds else self._rest(after)}"
        if _NOBODY.fullmatch(before) or after.lower() == "sha256":
            return f"{self._words(before)}@{self._rest(after)}"
        return self._principal(chunk)

    def _rest(self, text: str) -> str:
        return self._address(text) if "@" in text else self._words(text)

    def _principal(self, text: str) -> str:
        """A user, perhaps with the group before him as HTCondor spells it: "physics.hep.alice@b"."""
        low = text.lower()
        if _bare(low) not in self._bare:
            for group in self._people.groups:
                if low.startswith(f"{group}."):
                    cut = len(group) + 1
                    return f"{self._words(text[: cut - 1])}.{self._user(text[cut:])}"
        return text if low in self._people.public and "@" not in low else self._user(text)

    def _words(self, chunk: str) -> str:
        """A run of letters, digits and marks: the longest names in it first, from the left."""
        return from_the_left(chunk, self._longest)

    def _longest(self, parts: list[str], begin: int) -> tuple[str, int]:
        for used in range(min(2 * MOST_PARTS - 1, len(parts) - begin), 0, -2):
            text = "".join(parts[begin : begin + used]).lower()
            if text in self._bare and len(text) >= LEAST and text not in self._people.public:
                return self._aliases.known(self._bare[text]), used
        return parts[begin], 1


def unknown() -> NoAnswer:
    """What is said of a name that nobody has, and of one that the reader may not know."""
    return NoAnswer("unknown", "nothing that is shown to you is called that")


def _bare(user: str) -> str:
    return user.partition("@")[0]


def _own(own: str, people: People) -> tuple[str, str]:
    """The reader as "alice@b" and, where nobody else has it, as "alice": a name that two have shows neither."""
    low = own.lower()
    same = {user.lower() for user in people.users if _bare(user.lower()) == _bare(low)}
    if "@" not in low:
        low = next(iter(same)) if len(same) == 1 else ""
    return low, _bare(low) if same <= {low} else ""
