"""Names of people, hosts and notes with pseudonyms that sort as the names do; where names stand is not said here.

Ties are broken by name (MA5), so a pseudonym must stand in the order of the others where its name stood.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

_CHUNK = re.compile(r"[A-Za-z0-9]+(?:[._@+-]+[A-Za-z0-9]+)*")
_CUT = re.compile(r"([._@+-]+)")
_IP = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)"
    r"|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{1,4}(?![\w:])"
)
_JOB = re.compile(r"[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*")
_LONGEST = 12
"""Parts of a name between dots and dashes that are looked at together."""
_LEAST = 3
"""A bare user name shorter than this is a word like others; before its domain it is replaced all the same."""


def from_the_left(chunk: str, longest: Callable[[list[str], int], tuple[str, int]]) -> str:
    """A run of letters, digits and marks, written anew piece by piece.

    longest: of the parts between marks (and the marks, in turn) what stands for the longest name that begins at an
    index, and how many of them it takes.
    """
    parts = _CUT.split(chunk)
    made, index = [], 0
    while index < len(parts):
        name, used = longest(parts, index)
        made += [name, *parts[index + used : index + used + 1]]
        index += used + 1
    return "".join(made)


class Found:
    """Names as they are found, before any has a pseudonym."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.domains: set[str] = set()
        self.hosts: set[str] = set()
        self.phrases: dict[str, set[str]] = defaultdict(set)
        self.jobs: set[str] = set()
        """Kubernetes Jobs of queues, "namespace/name"."""
        self.words: set[str] = set()
        """Words that mean something else too; alone they are left as they are."""

    def person(self, text: str, groups: Iterable[str] = ()) -> None:
        """A principal as text, "user@domain" or "group.user@domain". groups: known group paths, which are cut off."""
        user, at, domain = text.rpartition("@")
        if not at:
            user, domain = text, ""
        group = max((g for g in groups if g and user.startswith(f"{g}.")), key=len, default="")
        user = user[len(group) + 1 :] if group else user
        if user:
            self.users.add(user)
        if domain:
            self.domains.add(domain)

    def host(self, text: str) -> None:
        """A host, node or schedd; "name@host" is one as a whole, and so is its host."""
        if not text:
            return
        self.hosts.add(text)
        before, at, host = text.rpartition("@")
        if at and host:
            self.hosts |= {host, before}
        domain = host.partition(".")[2]
        if "." in domain:
            self.domains.add(domain)

    def phrase(self, kind: str, text: str) -> None:
        """A whole text that is replaced where it stands, also inside others."""
        if text:
            self.phrases[kind].add(text)


class Pseudonyms:
    """The pseudonym of each name found; equal names (however written in capitals) have equal ones."""

    def __init__(self, found: Found) -> None:
        self._words = {word.lower() for word in found.words}
        domains = found.domains - found.hosts
        self._domains = _numbered("site-{}.example", domains)
        self._users = _numbered("user-{}", found.users, lambda name: f"{name}@")
        self._hosts = _numbered("host-{}", found.hosts)
        for host, name in self._hosts.items():
            domain = host.rpartition("@")[2].partition(".")[2]
            self._hosts[host] = f"{name}.{self._domains[domain]}" if domain in self._domains else name
        self._phrases: dict[str, str] = {}
        for kind, texts in found.phrases.items():
            self._phrases |= _numbered(f"{kind}-{{}}", texts)
        self._plain = {text: name for text, name in self._phrases.items() if _CHUNK.fullmatch(text)}
        self._spaced = sorted(set(self._phrases) - set(self._plain), key=len, reverse=True)
        self._known = {
            **_lower(self._users, self._bare_users()),
            **_lower(self._domains, [name for name in self._domains if "." in name]),
            **_lower(self._hosts, [name for name in self._hosts if self._tells(name)]),
            **_lower(self._plain, self._plain),
        }
        self._before_at = _lower(self._users, self._users)
        self._after_at = {**_lower(self._domains, self._domains), **_lower(self._hosts, self._hosts)}
        self._addresses: dict[str, str] = {}
        self._spaces = _numbered("space-{}", {job.rpartition("/")[0] for job in found.jobs})
        names = _numbered("job-{}", {job.rpartition("/")[2] for job in found.jobs})
        self._jobs = {
            job: f"{self.space(job.rpartition('/')[0])}/{names[job.rpartition('/')[2]]}" for job in found.jobs
        }
        self._seen: dict[str, str] = {}

    def addresses(self, texts: Iterable[str]) -> None:
        """Learn the IP addresses in these texts; to be called once, before any text is replaced."""
        self._addresses = _numbered("address-{}", {found for text in texts for found in _IP.findall(text)})

    def user(self, text: str) -> str:
        """The pseudonym of "user@domain", or of a bare user."""
        user, at, domain = text.rpartition("@")
        if not at:
            return self._users.get(text, text)
        return f"{self._users.get(user, user)}@{self._domains.get(domain, self._hosts.get(domain, domain))}"

    def host(self, text: str) -> str:
        """The pseudonym of a host, node or schedd."""
        return self._hosts.get(text, text)

    def space(self, text: str) -> str:
        """The pseudonym of a namespace in which Jobs of a queue are."""
        return self._spaces.get(text, text)

    def spaces(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Glob patterns over namespaces as the pseudonyms of those that they match; one that matches none stays one."""
        patterns = tuple(patterns)
        found = {name for name in self._spaces if any(fnmatchcase(name, pattern) for pattern in patterns)}
        return tuple(sorted(map(self.space, found))) or (patterns and ("space-none",))

    def phrase(self, text: str) -> str:
        """The pseudonym of a text as a whole."""
        return self._phrases.get(text, text)

    def text(self, text: str) -> str:
        """Any text with all names in it replaced."""
        if text not in self._seen:
            self._seen[text] = self._replaced(text)
        return self._seen[text]

    def _replaced(self, text: str) -> str:
        for phrase in self._spaced:
            if phrase in text:
                text = text.replace(phrase, self._phrases[phrase])
        if self._jobs:
            text = _JOB.sub(lambda found: self._jobs.get(found[0], found[0]), text)
        if self._addresses:
            text = _IP.sub(lambda found: self._addresses.get(found[0], found[0]), text)
        return _CHUNK.sub(lambda found: self._chunk(found[0]), text)

    def _chunk(self, chunk: str) -> str:
        """One run of letters, digits and the marks within names: the longest names in it first, from the left."""
        return from_the_left(chunk, self._longest)

    def _longest(self, parts: list[str], begin: int) -> tuple[str, int]:
        """What stands for the longest name that begins at a part, and how many parts it takes."""
        after_at = begin > 0 and "@" in parts[begin - 1]
        for used in range(min(2 * _LONGEST - 1, len(parts) - begin), 0, -2):
            text = "".join(parts[begin : begin + used]).lower()
            following = parts[begin + used] if begin + used < len(parts) else ""
            known = self._known.get(text)
            if known is None and following == "@":
                known = self._before_at.get(text)
            if known is None and after_at:
                known = self._after_at.get(text)
            if known is not None:
                return known, used
        return parts[begin], 1

    def _bare_users(self) -> list[str]:
        return [name for name in self._users if len(name) >= _LEAST and name.lower() not in self._words]

    def _tells(self, host: str) -> bool:
        """Whether a host's name alone says that it is one."""
        return len(host) > 1 and not host.isdigit() and host.lower() not in self._words


def _numbered(form: str, names: Iterable[str], key: Callable[[str], str] = str) -> dict[str, str]:
    """Pseudonyms with numbers of one width, in the order of the names (of `key` of them)."""
    order = sorted(names, key=key)
    width = len(str(len(order)))
    return {name: form.format(f"{number:0{width}}") for number, name in enumerate(order, 1)}


def _lower(names: dict[str, str], these: Iterable[str]) -> dict[str, str]:
    return {name.lower(): names[name] for name in these}
