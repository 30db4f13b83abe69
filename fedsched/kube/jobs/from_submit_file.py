"""One job of an HTCondor submit file as a batch/v1 Job, or why it is none; HTCondor's own reader has read the file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fedsched.kube.jobs.submit_commands import CANNOT, IGNORED, UNIVERSES, Given
from fedsched.matchmaker.model.names import LABEL_GROUP, NOTE_RANK, NOTE_REQUIREMENTS

GPUS = "nvidia.com/gpu"
"""What request_gpus asks for."""
MEMORY_MIB = 128
"""Of a job that names none, as in HTCondor."""
LENGTHS = ("allowed_job_duration", "my.allowedjobduration", "my.maxwalltimemins")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([KMGT]?)B?", re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]{1,9}")
_SIGNED = re.compile(r"[+-]?[0-9]{1,9}")
_QUOTED = re.compile(r'"([^"]*)"')
_OWN = re.compile(r"\bMY\.([A-Za-z_]\w*)", re.IGNORECASE)
_FALSE = frozenset({"", "false", "no", "0", "f"})
_NO_TRANSFER = frozenset({"", "no", "if_needed", "auto"})


class Translated(NamedTuple):
    """A job as a Job without a name. held: why it waits for `release`, "" where it does not. notes: for people."""

    manifest: dict[str, Any]
    priority: int
    held: str
    notes: tuple[str, ...]


def job_of(given: Given, machine_resources: Mapping[str, str]) -> Translated:
    """The Job. Raises SubmitRefusedError with the line of the command and what to do instead.

    machine_resources: custom HTCondor resource ("Fpga") -> extended resource ("xilinx.com/fpga").
    """
    _refuse(given)
    image = _image(given)
    limits = dict(_requests(given, machine_resources))
    container: dict[str, Any] = {"name": "job", "image": image}
    if program := _program(given):
        container["command"] = [program]
    container |= {"args": [_literal(one) for one in given.arguments]} if given.arguments else {}
    container |= {"env": [{"name": n, "value": _literal(v)} for n, v in given.environment]} if given.environment else {}
    container["resources"] = {"requests": limits, "limits": limits}
    spec: dict[str, Any] = {
        "backoffLimit": _whole(given, "max_retries") or 0,
        "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
    }
    if seconds := _seconds(given):
        spec["activeDeadlineSeconds"] = seconds
    if pod_seconds := _whole(given, "allowed_execute_duration"):
        spec["template"]["spec"]["activeDeadlineSeconds"] = pod_seconds
    metadata: dict[str, Any] = {}
    if group := _group(given):
        metadata["labels"] = {LABEL_GROUP: group}
    if notes := dict(_expressions(given)):
        metadata["annotations"] = notes
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
    held = "hold = true in its submit file" if given("hold").lower() not in _FALSE else ""
    return Translated(manifest, _priority(given), held, tuple(_notes(given, program)))


def _refuse(given: Given) -> None:
    universe = given("universe", "my.jobuniverse").lower()
    if universe not in UNIVERSES:
        raise given.no(
            "universe", f"universe {universe[:40]} is not run as Jobs: only vanilla, container and docker are"
        )
    for pattern, instead in CANNOT.items():
        for name in given.names(pattern):
            if given(name).lower() not in _FALSE:
                raise given.no(name, instead)
    if given("should_transfer_files").lower() not in _NO_TRANSFER and given("transfer_executable").lower() != "false":
        raise given.no(
            "should_transfer_files",
            "nothing is transferred to a Job: have files in the image or a volume, and say should_transfer_files = NO",
        )
    if given("getenv").lower() not in _FALSE:
        raise given.no("getenv", "your environment is not taken along: name what is needed in `environment`")


def _image(given: Given) -> str:
    image = given("container_image", "docker_image", "my.containerimage", "my.dockerimage")
    if not image:
        raise given.no(
            "executable", "a Job runs in a container: name an image that has the program, container_image = docker://…"
        )
    image = image.strip('"')
    if image.startswith("docker://"):
        image = image.removeprefix("docker://")
    elif "://" in image or image.startswith(("/", "./")) or image.endswith(".sif"):
        raise given.no(
            "container_image", "no registry's image: push it to one and name it as docker://REGISTRY/NAME@sha256:…"
        )
    return image


def _program(given: Given) -> str:
    """A path inside the image; what stands beside the submit file would have to be transferred."""
    program = given("executable", "my.cmd").strip('"')
    if program and not program.startswith("/") and given("transfer_executable").lower() not in {"false", "no", "0"}:
        raise given.no(
            "executable",
            f"{program[:60]}: the program must be inside the image: give its path there, or say "
            "transfer_executable = false where the image finds it",
        )
    return program


def _requests(given: Given, machine_resources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "cpu", str(_whole(given, "request_cpus") or 1)
    memory = _amount(given, "request_memory", 2)
    yield "memory", f"{memory >> 10 if memory else MEMORY_MIB}Mi"
    if disk := _amount(given, "request_disk", 1):
        yield "ephemeral-storage", f"{max(1, disk >> 10)}Mi"
    if gpus := _whole(given, "request_gpus"):
        yield GPUS, str(gpus)
    known = {"request_cpus", "request_memory", "request_disk", "request_gpus"}
    names = {name.lower(): extended for name, extended in machine_resources.items()}
    for command in sorted(set(given.names("request_*")) - known):
        if count := _whole(given, command):
            extended = names.get(command.removeprefix("request_"))
            if extended is None:
                raise given.no(command, "no resource of that name in machine_resources of fedsched.toml")
            yield extended, str(count)


def _amount(given: Given, command: str, power: int) -> int:
    """KiB, rounded up to whole MiB; 0 where nothing is said. power: of 1024, for a bare number (1 KiB, 2 MiB)."""
    text = given(command)
    if not text or text.lower() == "undefined":
        return 0
    match = _AMOUNT.fullmatch(text)
    if not match:
        raise given.no(command, f"expected a size like 2 GB, got {text[:40]!r}: expressions are a schedd's")
    unit = match[2].upper()
    mib = float(match[1]) * 1024.0 ** ((_POWERS[unit] if unit else power) - 2)
    return math.ceil(mib) * 1024


def _whole(given: Given, command: str) -> int:
    text = given(command)
    if not text or text.lower() == "undefined":
        return 0
    if not _WHOLE.fullmatch(text):
        raise given.no(command, f"expected a whole number, got {text[:40]!r}: expressions are a schedd's")
    return int(text)


def _seconds(given: Given) -> int:
    """The first known of the ways to say how long it may take."""
    for command in LENGTHS:
        if found := _whole(given, command):
            return found * 60 if command.endswith("mins") else found
    return 0


def _priority(given: Given) -> int:
    text = given("priority", "prio") or "0"
    if not _SIGNED.fullmatch(text):
        raise given.no("priority", f"expected a whole number, got {text[:40]!r}")
    return int(text)


def _group(given: Given) -> str:
    own = given("my.accountinggroup")
    if own:
        quoted = _QUOTED.fullmatch(own)
        if not quoted:
            raise given.no("my.accountinggroup", 'expected a text in double quotes, as in +AccountingGroup = "physics"')
        # condor_submit writes group and user there.
        return quoted[1]
    return given("accounting_group")


def _expressions(given: Given) -> Iterator[tuple[str, str]]:
    own = {name.removeprefix("my.") for name in given.names("my.*")}
    for command, note in (("requirements", NOTE_REQUIREMENTS), ("rank", NOTE_RANK)):
        text = given(command) or (given("preferences") if command == "rank" else "")
        read = next((name for name in _OWN.findall(text) if name.lower() in own), "")
        if read:
            raise given.no(command, f"reads MY.{read}: a Job has no attributes of its own, write the value itself")
        if text:
            yield note, text


def _literal(text: str) -> str:
    """A kubelet would put variables in place of $(NAME)."""
    return text.replace("$(", "$$(")


def _notes(given: Given, program: str) -> Iterator[str]:
    if program:
        yield f"{program} is taken from the image: nothing is transferred"
    if not given("request_memory"):
        yield f"request_memory is not given: {MEMORY_MIB} MiB, as in HTCondor"
    ignored = sorted({name for pattern in IGNORED for name in given.names(pattern)})
    if ignored:
        yield f"without meaning for a Job: {', '.join(ignored)}; what it prints: fedsched logs"
