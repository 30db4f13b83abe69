"""What stands in a hub as one commented YAML file that its admin reads and applies; it asks no cluster."""

from __future__ import annotations

from fedsched.kube.hub.policies import NOTE_HELD
from fedsched.kube.hub.request import HubRequest
from fedsched.kube.hub.served import Served
from fedsched.kube.hub.standing import standing
from fedsched.kube.join.handover import as_yaml
from fedsched.matchmaker.model.names import JOB_MANAGER, LABEL_QUEUE

WHY = {
    "Namespace": "Where fedsched's account lives. No user's Job is here.",
    "ServiceAccount": "Who fedsched is in this cluster. Deleting it ends its access at once.",
    "ValidatingAdmissionPolicy": "Refuses labelled Jobs that no member could ever run, with the field's path, and any\n"
    "# that this cluster's own controller would run. No other Job meets it.",
    "MutatingAdmissionPolicy": "Makes labelled Jobs fedsched's: this cluster's own controller leaves them alone.",
    "ValidatingAdmissionPolicyBinding": "Puts it in force.",
    "MutatingAdmissionPolicyBinding": "Puts it in force.",
    "ClusterRole": "What the account may do: read Jobs, write their status and events, read priorities and the two\n"
    "# policies. It can create, change or delete no Job.",
    "ClusterRoleBinding": "Gives that to the account.",
    "Role": "What the account may do in this namespace.",
    "RoleBinding": "Gives that to the account.",
}


def handover(request: HubRequest, served: Served) -> str:
    """The whole file, ready for `kubectl apply -f`."""
    parts = [_head(request, served)]
    parts += [f"# {WHY[each['kind']]}\n{as_yaml(each).rstrip()}" for each in standing(request, served)]
    return "\n---\n".join(parts) + "\n"


def _head(request: HubRequest, served: Served) -> str:
    queues = ", ".join(queue.name for queue in request.terms.queues)
    return f"""\
# The hub cluster of the federation "{request.federation}": queues {queues}.
# Written by: fedsched hub manifests --queue {request.queue}
# {_how(served)}
#
#   kubectl apply -f hub.yaml                               or all of it at once: fedsched hub join {request.queue}
#   kubectl delete -f hub.yaml                              to remove it; Jobs that wait then wait for ever: delete them
#
# Written anew when queues, their rules or members' [jobs] grants change; `fedsched hub check` says so."""


def _how(served: Served) -> str:
    if served.mutating:
        held = f"spec.managedBy {JOB_MANAGER}" if served.hold == "managedBy" else "spec.suspend"
        return f"Users add the label {LABEL_QUEUE}; the policy below adds {held} when the Job is made."
    if served.hold == "managedBy":
        return (
            f"Users add the label {LABEL_QUEUE} and spec.managedBy {JOB_MANAGER}: this server cannot add it for them."
        )
    return f'Users add the label {LABEL_QUEUE}, spec.suspend true and the annotation {NOTE_HELD}: "policy".'
