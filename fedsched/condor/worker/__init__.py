"""The texts that run in a startd's pod, as values: entry script, configuration, probe; nothing here runs them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources

FILES = ("start", "settings", "watch", "condor_config", "probe-run", "alive")
DEFAULT_LENGTHS = ("AllowedJobDuration", "AllowedExecuteDuration", "MaxWallTimeMins")
MAX_BYTES = 512 * 1024
"""A ConfigMap holds 1 MiB; half of it leaves room for what else a member's file may bring."""
ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def worker_files(
    lengths: Sequence[str] = DEFAULT_LENGTHS, probe: str = "", more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What is mounted at /etc/fedsched: file name to text, the same for the same arguments.

    lengths: job attributes that tell a job's length, first known wins (minutes for names ending in Mins, else
    seconds). probe: shell text of the member's file, "" for none. more: further files; ours cannot be replaced.
    ValueError for an attribute name that is none, a file name that is ours or has a "/", or texts that are too large.
    """
    files = {name: (resources.files(__name__) / "files" / name).read_text(encoding="utf-8") for name in FILES}
    files["condor_config"] = files["condor_config"].replace("@JOB_LENGTH@", length_expression(lengths))
    if probe:
        files["probe"] = probe
    for name, text in (more or {}).items():
        if name in files or name == "probe" or not re.fullmatch(r"[A-Za-z0-9._-]{1,63}", name):
            raise ValueError(f"worker file {name!r}: not a file name, or one of fedsched's own")
        files[name] = text
    size = sum(len(text.encode()) for text in files.values())
    if size > MAX_BYTES:
        raise ValueError(f"worker files: {size} bytes, more than the {MAX_BYTES} that fit; shorten the member's probe")
    return dict(sorted(files.items()))


def length_expression(lengths: Sequence[str]) -> str:
    """ClassAd text for a job's length in seconds: the first of the attributes that the job has, 0 when it has none."""
    terms = []
    for name in lengths:
        if not ATTRIBUTE.fullmatch(name):
            raise ValueError(f"lengths: {name!r} is not the name of a job attribute")
        factor = " * 60" if name.endswith("Mins") else ""
        terms.append(f"(TARGET.{name}{factor})")
    return f"({' ?: '.join([*terms, '0'])})"
