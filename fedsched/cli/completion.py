"""`completion`: scripts with which a shell completes verbs, options and names; they ask this program for words."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedsched.cli import output
from fedsched.cli.options import examples

if TYPE_CHECKING:
    from fedsched.client import Answers

BASH = """_fedsched() {
    local IFS=$'\\n'
    COMPREPLY=($(fedsched completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _fedsched fedsched
"""
ZSH = """#compdef fedsched
_fedsched() {
    local -a found
    found=("${(@f)$(fedsched completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if (( $#found )) && [[ -n "$found[1]" ]]; then compadd -a found; else _files; fi
}
if [[ "$funcstack[1]" == _fedsched ]]; then _fedsched "$@"; else compdef _fedsched fedsched; fi
"""
FISH = """function __fedsched
    set -l words (commandline -opc) (commandline -ct)
    fedsched completion words -- $words[2..-1] 2>/dev/null
end
complete -c fedsched -f -a '(__fedsched)'
"""
MEMBERS = frozenset({"clusters", "cordon", "uncordon", "drain", "pause", "resume", "unjoin", "rotate"})
CLASSES = frozenset({"explain", "eta", "logs", "events"})
OF_JOBS = frozenset({"cancel", "hold", "release", "prio"})
"""Verbs that take Kubernetes Jobs alone."""
MOST = 200
"""Classes, and Jobs, that are offered at most; who has more begins to type one."""


class Shell(StrEnum):
    """Shells that there is a script for; `words` is what these scripts call."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    WORDS = "words"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("completion", short_help="Print what lets a shell complete verbs and names.")(completion)


@examples(
    'eval "$(fedsched completion bash)"                                   in ~/.bashrc',
    'eval "$(fedsched completion zsh)"                                    in ~/.zshrc, after compinit',
    "fedsched completion fish > ~/.config/fish/completions/fedsched.fish",
)
def completion(
    shell: Annotated[Shell, typer.Argument(help="Whose script; `words` completes a command line.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="For `words`: after --, what is typed so far.")
    ] = None,
) -> None:
    """Print what lets a shell complete verbs and names.

    Names of members, groups and classes are those of the last cycle, from the daemon or its journal.
    """
    if shell is Shell.WORDS:
        typed = words or [""]
        for word in sorted(set(_candidates(typed[:-1], typed[-1]))):
            output.line(word)
        return
    print({Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH}[shell], end="")


def _candidates(before: list[str], begun: str) -> Iterator[str]:
    """Words that may stand after `before` and begin so."""
    from fedsched.cli import FAMILIES

    if not before:
        yield from (verb for verbs in FAMILIES.values() for verb in verbs if verb.startswith(begun))
        return
    if begun.startswith("-"):
        yield from (option for option in _options(before) if option.startswith(begun))
        return
    if before == ["hub"]:
        yield from (verb for verb in ("join", "manifests", "check") if verb.startswith(begun))
        return
    yield from (name for name in _names(before) if name.startswith(begun))


def _options(before: list[str]) -> Iterator[str]:
    from typer.main import get_command

    from fedsched.cli import make_app

    found: Any = get_command(make_app(before[:1]))
    for verb in before[:2]:  # `hub` has verbs of its own
        found = getattr(found, "commands", {}).get(verb, found)
    for parameter in found.params:
        yield from (option for option in (*parameter.opts, *parameter.secondary_opts) if option.startswith("--"))
    yield "--help"


def _names(before: list[str]) -> Iterator[str]:
    """Names that are known now; none where nobody can be asked."""
    from fedsched.cli.output import Failure
    from fedsched.cli.source import source
    from fedsched.config import ConfigError
    from fedsched.journal import JournalError

    try:
        with source(_after(before, "--config"), str(_after(before, "--server") or "")) as found:
            yield from _of_kind(found.answers, before)
    except (Failure, ConfigError, JournalError, OSError):
        return


def _of_kind(answers: Answers, before: list[str]) -> Iterator[str]:
    verb, last = before[0], before[-1]
    if verb == "explain" and len(before) == 1:
        yield from ("cluster", "group", "decision")
    if verb in MEMBERS or (verb == "explain" and last == "cluster"):
        yield from (one.name for one in answers.clusters().members)
    elif verb == "share" or (verb == "explain" and last == "group") or last in {"-g", "--group"}:
        yield from (one.path for one in answers.shares().shares if one.path)
    elif verb in CLASSES and last == verb:
        from fedsched.client.documents import QueueAsk

        yield from (one.demand.key for one in answers.queue(QueueAsk(limit=MOST)).classes)
        yield from _jobs(answers)
    elif verb in OF_JOBS and not last.startswith("-"):
        yield from _jobs(answers)


def _jobs(answers: Answers) -> Iterator[str]:
    """Kubernetes Jobs that are not over, "namespace/name", with the queue where several have one of that name."""
    from collections import Counter

    from fedsched.client.documents import JobsAsk

    found = answers.jobs(JobsAsk(limit=MOST)).jobs
    many = Counter(one.job for one in found)
    yield from (one.job if many[one.job] == 1 else f"{one.queue}:{one.job}" for one in found)


def _after(before: list[str], option: str) -> Path | None:
    """The value that was given to an option, as it is typed."""
    place = before.index(option) + 1 if option in before else len(before)
    return Path(before[place]) if place < len(before) else None
