"""Durations on the command line: "30m", "6h"; dates are not read."""

from __future__ import annotations

from fedsched.cli.output import Exit, Failure


def seconds(option: str, text: str, example: str) -> float:
    """Seconds that a text stands for. Failure (usage), naming the option and an example, when it is no duration."""
    from fedsched.config.kinds import Duration
    from fedsched.config.problems import WrongError

    try:
        return Duration(least=1).read(text)
    except WrongError as wrong:
        raise Failure(Exit.USAGE, f"{option}: {wrong}", f"for example {option} {example}") from None
