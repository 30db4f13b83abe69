"""Writes clusters/NAME.toml, commented for the person who reviews it; reading it back lives in members.py.

The layout of a member's file. One key per line; everything but `name`, `namespace` and `credential` may be missing.
Names are those of settings.MemberFile, MemberTerms, DeclaredGroup, Overrides and Budgets unless noted.

  name = "m1"                     # equals the file's name
  namespace = "fedsched"
  credential = "m1.json"          # relative to the federation's `credentials` folder
  context = "site-admin@m1"       # for people
  server = "https://…"            # for people
  visibility = "full"             # full | nodes | namespace
  mode = "trial(2)"               # observe | trial(n) | on
  forms = ["startd-job"]
  pools = []                      # names of pools; [] = all
  principals = []                 # globs over "group.user@domain"; [] = everybody
  requirements = ""               # ClassAd over a job
  images = []
  share = "user"                  # user | group | any
  max_lifetime = "24h"            # duration: 90s, 30m, 24h, 7d or a number of seconds  -> max_lifetime_s
  yield = "60s"                   # duration -> yield_s
  allow_same_priority = false
  price_per_core_hour = 0.0
  watts_per_core = 0.0            # of a busy core with its part of memory, cooling, losses: for accounting
  grams_co2_per_kwh = 0.0
  daemonset_groups = []
  autoscaled_groups = []
  gpu_resources = ["nvidia.com/gpu", "amd.com/gpu"]
  egress = ["10.1.2.3/32:9618"]   # CIDR[:port]

  [place]                         # region, zone (text), latitude, longitude (degrees)
  [labels]                        # key = "value": of the member            -> MemberFile.labels
  [attributes]                    # Name = "ClassAd text"                   -> MemberTerms.attributes
  [ceiling]                       # AMOUNTS                                 -> ceiling, ceiling_names = keys present
  [pod_overhead]                  # AMOUNTS
  [leave_free]                    # "group name or *" = { AMOUNTS }
  [budgets]                       # fields of Budgets
  [overrides]                     # fields of Overrides, but for `image`, which is MemberTerms.image as well;
                                  # env, node_selector, labels, annotations are tables key = "value"
  [[node_group]]                  # fields of DeclaredGroup: name, selector = {…}, attributes = {…},
                                  # allocatable = { AMOUNTS }, nodes, gpu_resource, autoscaled, can_grow_to,
                                  # grow = duration -> grow_s
  [simulated]                     # what a simulation puts in its place (docs/workloads.md); never read by `serve`

AMOUNTS: a table with the keys cpu ("8", "500m", 8, 0.5: cores), memory and disk ("96 GiB", "512 MiB", "96Gi", never a
bare number), gpus (whole), pods (whole), and any extended resource by its Kubernetes name ("xilinx.com/fpga" = 1).
Everything else, unknown keys included, is an error with file, line and key.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from fedsched.config.settings import DeclaredGroup, MemberFile
from fedsched.matchmaker.model import MemberTerms
from fedsched.matchmaker.resources import Resources

STAMP = "# written by fedsched join; checksum "
HEAD = """\
# This file makes "{name}" a member of the federation. Review it and commit it like code; fedsched rereads it on SIGHUP.
# Edit it freely: join then leaves it alone. Every key: docs/join.md. Check it: fedsched check
"""
Written = Literal["made", "changed", "unchanged", "kept"]


def render(member: MemberFile) -> str:
    """The text of a member's file, with a checksum that tells later whether somebody edited it."""
    body = HEAD.format(name=member.name) + "\n".join(_lines(member)) + "\n"
    return f"{STAMP}{_checksum(body)}\n{body}"


def write(path: Path, member: MemberFile, *, dry_run: bool = False) -> tuple[Written, str]:
    """Write the file unless somebody edited it since; what was done, and the difference where it was kept or changed.

    An edited file is never overwritten: the difference shows what this join would have said.
    """
    text, old = render(member), _read(path)
    if old is None:
        done: Written = "made"
    elif old == text:
        return "unchanged", ""
    else:
        done = "changed" if _unedited(old) else "kept"
    difference = "" if old is None else _difference(old, text)
    if done != "kept" and not dry_run:
        _replace(path, text)
    return done, difference


def _lines(member: MemberFile) -> Iterator[str]:
    terms = member.terms
    yield f"name = {_text(member.name)}"
    yield f"context = {_text(member.context)}"
    yield f"server = {_text(member.server)}"
    yield f"namespace = {_text(member.namespace)}"
    yield f"credential = {_text(str(member.credential))}          # inside the credentials folder; never the credential"
    yield f"visibility = {_text(terms.visibility)}          # full | nodes | namespace: what we may see there"
    mode = f"trial({terms.trial})" if terms.mode == "trial" else terms.mode
    yield f"mode = {_text(mode)}          # observe | trial(n) | on: set it to on when the first pods have worked"
    yield f"forms = {_list(terms.forms)}          # startd-job, startd-daemonset, job"
    yield f"share = {_text(terms.share)}          # user | group | any: who may use one startd, one after the other"
    yield f"price_per_core_hour = {terms.price_per_core_hour!r}"
    yield from (f"{name} = {value!r}" for name, value in _footprint(terms) if value)
    same = str(terms.allow_same_priority).lower()
    yield f"allow_same_priority = {same}          # true: without a PriorityClass below everybody's"
    yield f"egress = {_list(member.egress)}          # private addresses that pods may reach (in the NetworkPolicy)"
    yield '#requirements = "TARGET.RequestGPUs > 0"     # which jobs may come, as ClassAd'
    yield '#principals = ["physics.*"]                   # who may come; everybody when missing'
    yield '#max_lifetime = "24h"'
    yield from _tables(member)


def _footprint(terms: MemberTerms) -> tuple[tuple[str, float], ...]:
    return (("watts_per_core", terms.watts_per_core), ("grams_co2_per_kwh", terms.grams_co2_per_kwh))


def _tables(member: MemberFile) -> Iterator[str]:
    place = {
        "region": member.region or None,
        "zone": member.zone or None,
        "latitude": member.latitude,
        "longitude": member.longitude,
    }
    yield from _table("place", {key: value for key, value in place.items() if value is not None})
    yield from _table("labels", dict(member.labels))
    yield from _table("ceiling", _amounts(member.terms.ceiling))
    overrides = member.overrides
    yield from _table(
        "overrides",
        {
            "image": overrides.image or None,
            "pull_secrets": overrides.pull_secrets or None,
            "priority_class": overrides.priority_class or None,
        },
        comment="# what is added to our pods; see docs/worker.md",
    )
    for group in member.groups:
        yield from _group(group)
    yield ""
    yield "#[ceiling]                                    # the most that we may hold there"
    yield "#cpu = 200"
    yield '#memory = "800 GiB"'
    yield "#[leave_free]                                 # never taken, per node of a node group"
    yield '#"*" = { cpu = 2, memory = "8 GiB" }'


def _group(group: DeclaredGroup) -> Iterator[str]:
    yield ""
    yield "[[node_group]]"
    yield f"name = {_text(group.name)}"
    yield f"nodes = {group.nodes}"
    inline = ", ".join(f"{_key(key)} = {_value(value)}" for key, value in _amounts(group.allocatable).items())
    yield f"allocatable = {{ {inline} }}          # of one empty node"
    if group.gpu_resource:
        yield f"gpu_resource = {_text(group.gpu_resource)}"


def _table(name: str, values: dict[str, Any], comment: str = "") -> Iterator[str]:
    present = {key: value for key, value in values.items() if value is not None}
    if present:
        yield ""
        yield f"[{name}]{f'          {comment}' if comment else ''}"
        yield from (f"{_key(key)} = {_value(value)}" for key, value in present.items())


def _amounts(amount: Resources) -> dict[str, Any]:
    """A vector as the file writes it, without zeros."""
    fixed = {
        "cpu": amount.cpu_milli // 1000 if amount.cpu_milli % 1000 == 0 else f"{amount.cpu_milli}m",
        "memory": _size(amount.memory_mib),
        "disk": _size(amount.disk_mib),
        "gpus": amount.gpus,
        "pods": amount.pods,
    }
    return {key: value for key, value in {**fixed, **dict(amount.other)}.items() if value}


def _size(mib: int) -> str:
    if not mib:
        return ""
    return f"{mib // 1024} GiB" if mib % 1024 == 0 else f"{mib} MiB"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return _list(value)
    return repr(value)


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's; DEL is the one character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _key(key: str) -> str:
    plain = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if plain else _text(key)


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _unedited(text: str) -> bool:
    first, _, body = text.partition("\n")
    return first == STAMP + _checksum(body)


def _difference(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "as it is", "as joined", n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith((f"-{STAMP}", f"+{STAMP}", "@@")))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _replace(path: Path, text: str) -> None:
    """Atomically: a daemon that reloads now sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
