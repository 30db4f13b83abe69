"""The command line: one module per family of verbs; each parses, calls and prints, none decides anything."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import typer

from fedsched.cli.output import Exit, Failure, fail, is_plain

FAMILIES = (
    *(
        "join",
        "clusters",
        "queue",
        "share",
        "explain",
        "logs",
        "doctor",
        "eta",
        "plan",
        "submit",
        "whatif",
        "replay",
        "snapshot",
        "spikes",
        "orders",
        "flock",
        "negotiator",
        "check",
        "serve",
        "demo",
        "simulate",
        "version",
    ),
)
"""Modules with `register(app)`, in the order of --help."""

EPILOG = """
Exit codes: 0 done, 1 refused, 2 usage or configuration, 3 partly done, 4 done on stale data, 5 unreachable,
6 changes pending (plan --detailed-exitcode).

Try it without any cluster: fedsched demo
"""


def make_app() -> typer.Typer:
    """The application with all families registered."""
    app = typer.Typer(
        name="fedsched",
        help="Lends Kubernetes clusters to HTCondor pools while their queues are long, and says why.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None if is_plain() else "rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in FAMILIES:
        if find_spec(f"fedsched.cli.{name}") is not None:
            import_module(f"fedsched.cli.{name}").register(app)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run one command line and leave with its exit code."""
    import sys

    words = sys.argv[1:] if arguments is None else arguments
    try:
        make_app()(args=words, prog_name="fedsched")
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


def _wants_json(words: list[str]) -> bool:
    joined = " ".join(words)
    return any(f"{option}{gap}json" in joined for option in ("-o", "--output") for gap in (" ", "=", ""))


def _known(error: Exception) -> Failure | None:
    """Failures of other rooms that any verb may meet."""
    from fedsched.config import ConfigError
    from fedsched.journal import JournalError

    known: dict[type[Exception], tuple[Exit, str]] = {
        ConfigError: (Exit.USAGE, "mend the files, then: fedsched check"),
        JournalError: (Exit.REFUSED, ""),
    }
    for kind, (code, hint) in known.items():
        if isinstance(error, kind):
            return Failure(code, str(error), hint)
    return None


__all__ = ["main", "make_app"]
