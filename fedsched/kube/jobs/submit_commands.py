"""Commands of HTCondor's submit files: what one job of a file gives, and which of them a Job cannot have, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

UNIVERSES = frozenset({"", "5", "vanilla", "container", "docker"})
_VOLUME = "nothing is transferred to a Job or from it: have files in the image or in a volume (a Kubernetes manifest)"
_SECRET = "a Job gets what it may know from a Secret of the member: say so in a Kubernetes manifest"  # noqa: S105 - words
_END = "a Job ends by its exit code, max_retries and allowed_job_duration; other ends need a Kubernetes manifest"
_NODE = 'say it of the nodes: requirements = TARGET.NodeLabels["nvidia.com/gpu.product"] == "…"'
_SCHEDD = "only a schedd does this: submit it there, fedsched lends it startds"
CANNOT = {
    "transfer_input*": _VOLUME,
    "transfer_output*": _VOLUME,
    "transfer_checkpoint*": _VOLUME,
    "transfer_plugins": _VOLUME,
    "public_input_files": _VOLUME,
    "output_destination": _VOLUME,
    "input": _VOLUME,
    "stdin": _VOLUME,
    "remote_initialdir": "a Job begins in its image's folder: change it in the program",
    "use_oauth_services": _SECRET,
    "use_scitokens": _SECRET,
    "use_x509userproxy": _SECRET,
    "x509userproxy": _SECRET,
    "scitokens_file": _SECRET,
    "container_service_names": "nobody reaches a Job's ports from outside of its cluster",
    "docker_override_entrypoint": "say executable = PATH: it stands in the place of the entry point",
    "on_exit_*": _END,
    "periodic_*": _END,
    "success_exit_code": _END,
    "retry_until": _END,
    "checkpoint_exit_code": _END,
    "require_gpus": _NODE,
    "gpus_m*": _NODE,
    "cuda_version": _NODE,
    "accounting_group_user": "who submits is charged; the group is accounting_group",
    "nice_user": "say it by a group with a small weight: accounting_group",
    "concurrency_limits*": _SCHEDD,
    "deferral_*": _SCHEDD,
    "cron_*": _SCHEDD,
    "grid_resource": _SCHEDD,
    "vm_*": _SCHEDD,
    "noop_job": _SCHEDD,
    "parallel_*": _SCHEDD,
    "machine_count": _SCHEDD,
    "my.dagman*": _SCHEDD,
    "dag_*": _SCHEDD,
}
"""Globs over commands that would be lost without a word, and what to do instead."""
IGNORED = (
    "log",
    "output",
    "stdout",
    "error",
    "stderr",
    "notification",
    "notify_user",
    "initialdir",
    "iwd",
    "stream_*",
    "max_materialize",
    "max_idle",
    "leave_in_queue",
    "log_xml",
)


class SubmitRefusedError(ValueError):
    """A job that cannot become a Job: the line, the command, and what to do instead."""


class Given:
    """The commands of one job, macros expanded. text: of the file, for the line of a command."""

    def __init__(
        self,
        commands: dict[str, str],
        arguments: tuple[str, ...],
        environment: tuple[tuple[str, str], ...],
        text: str,
    ) -> None:
        self._commands = commands
        self.arguments = arguments
        self.environment = environment
        self._text = text

    def __call__(self, *names: str) -> str:
        """The value of the first of these commands that it has; "" where it has none."""
        return next((found for name in names if (found := self._commands.get(name, ""))), "")

    def names(self, pattern: str) -> Iterator[str]:
        """Commands with a value that a glob fits."""
        if pattern in self._commands or "*" in pattern:
            yield from (name for name, value in self._commands.items() if value and fnmatchcase(name, pattern))

    def no(self, command: str, why: str) -> SubmitRefusedError:
        """Why it cannot be, with the line of that command (the last one: it is the one that holds)."""
        own = command.removeprefix("my.")
        spelt = rf"(?:\+|my\.){re.escape(own)}" if own != command else re.escape(command)
        lines = [
            number
            for number, line in enumerate(self._text.splitlines(), start=1)
            if re.match(rf"[ \t]*{spelt}[ \t]*=", line, re.IGNORECASE)
        ]
        where = f"line {lines[-1]}: " if lines else ""
        return SubmitRefusedError(f"{where}{own}: {why}")
