"""Which labels and annotations of a pod template come along; everything with a domain in front of it stays behind."""

from __future__ import annotations

import re
from typing import Any

from fedsched.kube.jobs.grammar import Reading, shown
from fedsched.kube.jobs.volumes import PLAIN_KEY
from fedsched.kube.vetting import LABEL_VALUE
from fedsched.matchmaker.model.names import PREFIX

MOST = 64
LONGEST_NOTE = 4096
HARMFUL = (
    PREFIX,
    "container.apparmor.security.beta.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "security.alpha.kubernetes.io/",
    "scheduler.alpha.kubernetes.io/",
)
"""Keys that ask for what a copy does not get, or that are ours: refused, not left behind."""
KNOWN_NOTES = frozenset({"cluster-autoscaler.kubernetes.io/safe-to-evict", "kubectl.kubernetes.io/default-container"})
MADE = frozenset({"controller-uid", "job-name"})
"""Labels that the API server put on the template; the member's puts its own there."""
TOLERATED = frozenset({f"{PREFIX}queue", f"{PREFIX}group"})
"""Ours that tools copy from a Job to its template."""
_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9./_-]{0,315}[A-Za-z0-9])?", re.ASCII)


def pod_labels(given: Any, path: str, into: Reading) -> dict[str, str]:
    """Labels without a domain: with one they are somebody's orders (inject this, allow that) at the member."""
    kept = {}
    for key, value in _pairs(given, path, into):
        where = f"{path}[{key}]"
        if value and not LABEL_VALUE.fullmatch(value):
            into.wrong(where, f"is no label: {shown(value)}")
        elif key.startswith(HARMFUL) and key not in TOLERATED:
            into.wrong(where, "may not be set by a Job")
        elif PLAIN_KEY.fullmatch(key) and key not in MADE:
            kept[key] = value
        elif key not in MADE:
            into.leave(where)
    return kept


def pod_notes(given: Any, path: str, into: Reading) -> dict[str, str]:
    """Annotations without a domain, and a few that are known to be harmless."""
    kept = {}
    for key, value in _pairs(given, path, into):
        where = f"{path}[{key}]"
        if key.startswith(HARMFUL):
            into.wrong(where, "may not be set by a Job")
        elif len(value) > LONGEST_NOTE:
            into.wrong(where, f"has {len(value)} characters, at most {LONGEST_NOTE} may be")
        elif PLAIN_KEY.fullmatch(key) or key in KNOWN_NOTES:
            kept[key] = value
        else:
            into.leave(where)
    return kept


def _pairs(given: Any, path: str, into: Reading) -> list[tuple[str, str]]:
    if given is None:
        return []
    if not isinstance(given, dict) or len(given) > MOST:
        into.wrong(path, f"must be a map of at most {MOST} keys")
        return []
    found = []
    for key, value in given.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key) or not isinstance(value, str) or "\0" in value:
            into.wrong(f"{path}[{shown(key)}]", "must be a key with a text")
        else:
            found.append((key, value))
    return found
