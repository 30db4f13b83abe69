"""`version`: what runs here, for reports of bugs."""

from __future__ import annotations

import typer

from fedsched.cli import output
from fedsched.cli.options import OutputOption
from fedsched.cli.output import Format


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel="Trying it", short_help="Print the versions of fedsched and its parts.")(version)


def version(form: OutputOption = Format.TABLE) -> None:
    """Print the versions of fedsched, Python and what it stands on."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    from fedsched import __version__

    found = {"fedsched": __version__, "python": platform.python_version()}
    for package in ("htcondor", "kubernetes", "msgspec"):
        try:
            found[package] = of(package)
        except PackageNotFoundError:
            found[package] = "missing"
    if form is Format.JSON:
        output.emit_json("version", versions=found)
        return
    for name, text in found.items():
        output.line(f"{name:<11} {text}")
