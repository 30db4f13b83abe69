"""Lines of logs on a terminal: with time, member and pod, or plain where one pod of a Kubernetes Job writes alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fedsched.cli import output

if TYPE_CHECKING:
    from fedsched.client.documents import LogLine


def moment(at: float) -> str:
    """UTC, to the millisecond: clusters lie in many zones."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def show(lines: Iterable[LogLine], *, of_job: bool) -> None:
    """All of them; plain where they are a Job's and from one pod, as kubectl shows them."""
    lines = tuple(lines)
    plain = of_job and len({(line.member, line.pod) for line in lines}) == 1
    for line in lines:
        _show(line, plain=plain)


class Followed:
    """Shows lines as they come: a Job's are plain until a second pod writes."""

    def __init__(self, *, of_job: bool, as_json: bool) -> None:
        self._plain = of_job
        self._as_json = as_json
        self._pods: set[tuple[str, str]] = set()
        self.unread = False

    def show(self, said: LogLine | str) -> None:
        """One line, or a text on what cannot be read."""
        if isinstance(said, str):
            self.unread = True
            output.note(said)
            return
        if self._as_json:
            import msgspec

            print(msgspec.json.encode(said).decode(), flush=True)
            return
        self._pods.add((said.member, said.pod))
        _show(said, plain=self._plain and len(self._pods) == 1)
        sys.stdout.flush()


def _show(line: LogLine, *, plain: bool) -> None:
    if plain:
        output.line(line.text)
        return
    kept = " (kept)" if line.kept else ""
    output.line(f"{moment(line.at)}  {line.member}  {line.pod}{kept}  {line.text}")
