"""What a pod needs from HTCondor's side, as values; who makes it lives in condor/ and federation/."""

from __future__ import annotations

import msgspec

from fedsched.config.settings import MemberFile
from fedsched.kube.vetting import DATA_KEY, RefusedError, check

NEEDED = frozenset({"start", "alive", "condor_config"})
LARGEST_FILES = 900 * 1024
"""Bytes of all worker files together: a ConfigMap holds 1 MiB."""


class WorkerBundle(msgspec.Struct, frozen=True, omit_defaults=True):
    """Files, token and addresses of one pool for the startds of one member. Its repr never shows the token.

    files: name -> text, mounted at /etc/fedsched; NEEDED must be among them. token: the startds' IDTOKEN.
    token_expires_at: epoch seconds. collector: "host:port". ccb: startds are reached through the collector.
    resource_names: (Kubernetes name, HTCondor name) of custom resources; others are called by their last part.
    """

    files: dict[str, str]
    token: str
    token_expires_at: float
    collector: str
    ccb: bool = True
    resource_names: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"WorkerBundle(files={sorted(self.files)}, token=<hidden>, collector={self.collector!r}, ccb={self.ccb})"


def worker_files(worker: WorkerBundle, member: MemberFile) -> dict[str, str]:
    """The files for one member: the bundle's, and the member's own probe script when its file has one."""
    files = dict(worker.files)
    if member.overrides.probe:
        files["probe"] = member.overrides.probe
    missing = NEEDED - files.keys()
    if missing:
        raise RefusedError(
            f"the worker files lack {', '.join(sorted(missing))}; the pool's worker bundle is incomplete"
        )
    for name in files:
        check(DATA_KEY, name, "worker file")
    if sum(len(name) + len(text.encode()) for name, text in files.items()) > LARGEST_FILES:
        raise RefusedError(f"the worker files are larger than {LARGEST_FILES} bytes; shorten the member's probe script")
    return files
