"""Who is charged for a Job: by its namespace and labels and the rules of its queue, never by free text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from fedsched.config.settings import QueuePrincipal, QueueSettings
from fedsched.kube.jobs.grammar import shown
from fedsched.kube.jobs.spec import Problem
from fedsched.matchmaker.model import Principal
from fedsched.matchmaker.model.names import LABEL_GROUP

LONGEST = 200
"""Most characters of a user's or group's name."""
_GROUP = re.compile(r"[A-Za-z0-9_+=-]+(\.[A-Za-z0-9_+=-]+)*", re.ASCII)
_ODD = re.compile(r"[^\w.\-+=]", re.ASCII)
_ODD_USER = re.compile(r"[\x00-\x20\x7f\"'\\]")
_UNRULED = QueuePrincipal()


def principal_of(namespace: str, labels: Mapping[str, str], queue: QueueSettings) -> Principal | Problem:
    """The principal of a Job; a Problem with the label's path where it claims a group that the rule does not list.

    namespace: the Job's, or the account that submits in a journal queue. The first rule whose glob fits it counts; no
    rule means that the namespace is the user, in the group guest.NAMESPACE.
    """
    rule = next((each for each in queue.principals if fnmatchcase(namespace, each.namespace)), _UNRULED)
    claimed = labels.get(LABEL_GROUP, "")
    default = rule.default.replace("{namespace}", _ODD.sub("_", namespace))
    group = claimed or default
    if claimed and not (_GROUP.fullmatch(claimed) and _lists(rule, default, claimed)):
        listed = ", ".join(rule.groups) or "none"
        why = f"namespace {namespace[:63]} may not charge group {shown(claimed)} (its rule lists {listed})"
        return Problem(f"metadata.labels[{LABEL_GROUP}]", why[:300])
    who = labels.get(rule.user_label, "") if rule.user_label else namespace
    if not who:
        return Problem(f"metadata.labels[{rule.user_label}]", "is missing: it names the user that is charged")
    user = f"{who}@{rule.user_domain}" if rule.user_domain else who
    return Principal(group[:LONGEST], _ODD_USER.sub("_", user)[:LONGEST])


def _lists(rule: QueuePrincipal, default: str, group: str) -> bool:
    """Group names do not distinguish case, as in HTCondor; a group that is the default may be named, too."""
    named = group.lower()
    return named == default.lower() or any(fnmatchcase(named, pattern.lower()) for pattern in rule.groups)
