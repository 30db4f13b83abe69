"""Rules over what users wish by labels and annotations: groups by namespace, and labels that stay as they were made."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fedsched.config.settings import QueuePrincipal, QueueSettings
from fedsched.kube.hub import cel
from fedsched.kube.hub.rules import Rule
from fedsched.kube.hub.served import Hold
from fedsched.matchmaker.model.names import LABEL_GROUP, LABEL_QUEUE, NOTE_GANG, NOTE_RERUN

GROUP = "variables.group"
WHERE = f"metadata.labels[{LABEL_GROUP}]"


def group_rules(queues: tuple[QueueSettings, ...]) -> Iterator[Rule]:
    """Which groups a Job may name, by the rule of its namespace; and annotations that take few values."""
    for queue in queues:
        other = f"{cel.QUEUE} != {cel.text(queue.name)}"
        may = _first(queue.principals, _may_name)
        words = f"{WHERE}: the rules of queue {queue.name} do not let this namespace name that group"
        yield Rule(f'{GROUP} == "" || {other} || {may}', words)
        if users := sorted({rule.user_label for rule in queue.principals} - {""}):
            words = f"metadata.labels[{users[0]}]: is missing: it names the user that is charged"
            yield Rule(f"{other} || {_first(queue.principals, _names_user)}", words)
    for note, allowed in ((NOTE_RERUN, ("after-deadline", "never")), (NOTE_GANG, ("true", "false"))):
        value = f"variables.notes[?{cel.text(note)}].orValue({cel.text(allowed[0])})"
        yield Rule(f"{value} in {cel.texts(allowed)}", f"metadata.annotations[{note}]: expected {' or '.join(allowed)}")


def _first(rules: tuple[QueuePrincipal, ...], says: Callable[[QueuePrincipal], str]) -> str:
    """What the first rule that matches the namespace says, as when a Job is read; the last is that of no rule."""
    found = "false"
    for rule in reversed((*rules, QueuePrincipal())):
        here = cel.matches("request.namespace", (rule.namespace,))
        found = f"({says(rule)})" if here == "true" else f"(({here}) ? ({says(rule)}) : {found})"
    return found


def _may_name(rule: QueuePrincipal) -> str:
    default = cel.text(rule.default.lower()).replace("{namespace}", '" + request.namespace + "')
    return f"{cel.matches(GROUP, [glob.lower() for glob in rule.groups])} || {GROUP} == {default}"


def _names_user(rule: QueuePrincipal) -> str:
    if not rule.user_label:
        return "true"
    return f'variables.labels[?{cel.text(rule.user_label)}].orValue("") != ""'


def label_rules(queues: tuple[QueueSettings, ...], ours: str, hold: Hold) -> Iterator[Rule]:
    """What of a labelled Job may not change once it is there. A foreign one may lose its label."""
    label = cel.text(LABEL_QUEUE)
    yield Rule(
        f"{label} in variables.old",
        f"metadata.labels[{LABEL_QUEUE}]: a Job gets its queue when it is made, not later; make a new one",
    )
    users = {principal.user_label for queue in queues for principal in queue.principals if principal.user_label}
    for name in (LABEL_QUEUE, LABEL_GROUP, *sorted(users)):
        key = cel.text(name)
        same = f'variables.labels[?{key}].orValue("") == variables.old[?{key}].orValue("")'
        yield Rule(f"!({ours}) || {same}", f"metadata.labels[{name}]: it stays as the Job was made")
    if hold == "suspend":
        words = "spec.suspend: the queue holds it, this cluster's own controller would run it; fedsched release runs it"
        yield Rule(f"!({ours}) || object.spec.?suspend.orValue(false)", words)
