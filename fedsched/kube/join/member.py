"""The member's file that a join amounts to, as the frozen type that the daemon reads; writing it lives in config."""

from __future__ import annotations

from pathlib import Path

from fedsched.config.settings import MemberFile, Overrides
from fedsched.kube.join.refusal import shown
from fedsched.kube.join.request import JoinRequest
from fedsched.kube.kubeconfig import Access
from fedsched.matchmaker.model import MemberTerms


def member_file(access: Access, request: JoinRequest) -> MemberFile:
    """What join knows of the member; everything else keeps its default until somebody edits the file."""
    terms = MemberTerms(
        name=request.name,
        mode=request.mode,
        trial=request.trial,
        visibility=request.visibility,
        forms=request.forms,
        image=request.image,
        allow_same_priority=request.allow_same_priority,
        price_per_core_hour=request.price,
    )
    return MemberFile(
        terms=terms,
        namespace=request.namespace,
        credential=Path(f"{request.credential_name or request.name}.json"),
        context=shown(access.context),
        server=access.server,
        region=request.region,
        zone=request.zone,
        latitude=request.latitude,
        longitude=request.longitude,
        labels=request.labels,
        groups=request.groups,
        egress=tuple(f"{way.cidr}:{way.port}" if way.port else way.cidr for way in request.egress),
        overrides=Overrides(
            image=request.image, pull_secrets=request.pull_secrets, priority_class=request.priority_class
        ),
    )
