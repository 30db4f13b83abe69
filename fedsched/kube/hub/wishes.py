"""Rules over what users wish by labels and annotations: groups by namespace, and labels that stay as they were made."""

from __future__ import annotations

from collections.abc import Iterator

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
        may = _by_namespace(queue.principals)
        words = f"{WHERE}: the rules of queue {queue.name} do not let this namespace name that group"
        yield Rule(f'{GROUP} == "" || {cel.QUEUE} != {cel.text(queue.name)} || ({may})', words)
    for note, allowed in ((NOTE_RERUN, ("after-deadline", "never")), (NOTE_GANG, ("true", "false"))):
        value = f"variables.notes[?{cel.text(note)}].orValue({cel.text(allowed[0])})"
        yield Rule(f"{value} in {cel.texts(allowed)}", f"metadata.annotations[{note}]: expected {' or '.join(allowed)}")


def _by_namespace(rules: tuple[QueuePrincipal, ...]) -> str:
    """First match wins, as when a Job is read; where no rule matches no group can be named."""
    found = "false"
    for rule in reversed(rules):
        here = cel.matches("request.namespace", (rule.namespace,))
        default = cel.text(rule.default.lower()).replace("{namespace}", '" + request.namespace + "')
        may = f"{cel.matches(GROUP, [glob.lower() for glob in rule.groups])} || {GROUP} == {default}"
        found = f"({may})" if here == "true" else f"(({here}) ? ({may}) : {found})"
    return found


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
