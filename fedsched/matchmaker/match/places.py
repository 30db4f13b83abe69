"""A place: one node group of one member with all that a decision about it may read; it judges nothing."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from fedsched.matchmaker.model import Form, MemberMemory, MemberTerms, MemberView, NodeGroup, PairMemory
from fedsched.matchmaker.reasons import Reason


class Place(msgspec.Struct, frozen=True, gc=False):
    """A node group of a member with all that a decision about it may read.

    startd_s: how long the policy lets a startd live, in seconds; None where no policy bounds it. join_s: what of its
    life is over, as a rule, before its slot is there. jobs: the same nodes as users' Jobs see them, not startds.
    """

    terms: MemberTerms
    view: MemberView
    group: NodeGroup
    memory: MemberMemory
    pair: PairMemory
    startd_s: int | None = None
    join_s: int = 0
    jobs: bool = False

    @property
    def life_s(self) -> int:
        """Seconds that a startd lives here at most: what the member's file and the policy both allow."""
        most = self.terms.max_lifetime_s
        return most if self.startd_s is None else min(most, self.startd_s)

    @property
    def longest_s(self) -> int:
        """Seconds of the longest job that a startd here can take once it has joined."""
        return self.life_s - self.join_s

    def here(self, reason: Reason) -> Reason:
        """The same reason, about this place."""
        return msgspec.structs.replace(reason, member=self.terms.name, node_group=self.group.name)


class Shape(NamedTuple):
    """As what something is placed, and how many pods at once that is; a DaemonSet has as many as there are nodes."""

    form: Form
    pods: int = 1


JOBS = "(jobs)"
"""Stands for the image of users' Jobs, which all have their own, in what is known of a node group."""


def pair_key(member: str, group: str, image: str) -> str:
    """Key of what is known of startds of one image there."""
    return f"{member}/{group}/{image}"


def form_for(place: Place) -> Form | None:
    """The one form that this group takes: a DaemonSet where the member's file names the group, else startd Jobs.

    For users' Jobs the Jobs themselves.

    Where an autoscaler works no DaemonSet is made: its pods would be no reason to grow, and would keep every new node.
    """
    group, terms = place.group, place.terms
    if place.jobs:
        return "job" if "job" in terms.forms else None
    autoscaled = group.name in terms.autoscaled_groups or group.can_grow_to > 0
    if group.name in terms.daemonset_groups and not autoscaled:
        return "startd-daemonset" if "startd-daemonset" in terms.forms else None
    return "startd-job" if "startd-job" in terms.forms else None
