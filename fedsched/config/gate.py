"""The matchmaker's gate to ClassAds as files see it; loaded only when a file has an expression at all."""

from __future__ import annotations

from fedsched.config.kinds import Expression


def refusal(text: str) -> str:
    """Why an expression may not be used or is none (MA4), "" when nothing is wrong."""
    # Imported here: the bindings cost every command of the CLI a quarter of a second otherwise.
    from fedsched.matchmaker.classad import Refused, parse  # noqa: PLC0415

    try:
        parse(text)
    except Refused as refused:
        return str(refused)
    return ""


EXPRESSION = Expression(refusal)
