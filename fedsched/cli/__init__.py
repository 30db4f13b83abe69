"""The command line: one module per family of verbs; each parses, calls and prints, none decides anything."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

import typer

from fedsched.cli.help import Verbs, described
from fedsched.cli.output import Exit, Failure, fail, terminal_width

FAMILIES: dict[str, tuple[str, ...]] = {
    "queue": ("q",),
    "explain": ("explain",),
    "share": ("share",),
    "clusters": ("clusters",),
    "spikes": ("spikes",),
    "logs": ("logs", "events"),
    "doctor": ("doctor",),
    "eta": ("eta",),
    "join": ("join", "unjoin", "rotate"),
    "hub": ("hub",),
    "plan": ("plan",),
    "submit": ("submit",),
    "cancel": ("cancel", "hold", "release", "prio"),
    "whatif": ("whatif",),
    "replay": ("replay",),
    "snapshot": ("snapshot",),
    "orders": ("cordon", "uncordon", "drain", "pause", "resume", "deny", "allow", "orders"),
    "flock": ("flock-config",),
    "negotiator": ("negotiator-config",),
    "check": ("check",),
    "serve": ("serve",),
    "demo": ("demo",),
    "simulate": ("simulate",),
    "completion": ("completion",),
    "version": ("version",),
}
"""Modules with `register(app)` and the verbs that each has, in the order of --help: only what is called is loaded."""

EPILOG = """
Exit codes: 0 done, 1 refused, 2 usage or configuration, 3 partly done, 4 done on stale data, 5 unreachable,
6 changes pending (plan --detailed-exitcode).

Try it without any cluster: fedsched demo
"""


def make_app(words: list[str] | None = None) -> typer.Typer:
    """The application with all families registered; for a command line only with the one that it calls."""
    app = typer.Typer(
        name="fedsched",
        cls=Verbs,
        help="Lends Kubernetes clusters to HTCondor pools while their queues are long, and says why.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": min(terminal_width(), 120)},
    )
    # Without it a single verb would become the whole application.
    app.callback()(_nothing)
    called = [family for family, verbs in FAMILIES.items() if words and words[0] in verbs]
    for family in called or FAMILIES:
        if find_spec(f"fedsched.cli.{family}") is not None:
            import_module(f"fedsched.cli.{family}").register(app)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run one command line and leave with its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        app = make_app(words)
        if not words or words[0] in {"-h", "--help"}:
            described(app)
        app(args=words, prog_name="fedsched")
    except Failure as failure:
        fail(failure, as_json=_wants_json(words))
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(int(Exit.DONE)) from None
    except Exception as error:
        known = _known(error)
        if known is None:
            raise
        fail(known, as_json=_wants_json(words))


def _nothing() -> None:
    """Options of the whole program; there are none."""


def _wants_json(words: list[str]) -> bool:
    joined = " ".join(words)
    return any(f"{option}{gap}json" in joined for option in ("-o", "--output") for gap in (" ", "=", ""))


def _known(error: Exception) -> Failure | None:
    """Failures of other rooms that any verb may meet."""
    from fedsched.cli.source import failed
    from fedsched.config import ConfigError
    from fedsched.journal import JournalError

    known: dict[type[Exception], tuple[Exit, str]] = {
        ConfigError: (Exit.USAGE, "mend the files, then: fedsched check"),
        JournalError: (Exit.REFUSED, ""),
    }
    for kind, (code, hint) in known.items():
        if isinstance(error, kind):
            return Failure(code, str(error), hint)
    return failed(error)


__all__ = ["main", "make_app"]
