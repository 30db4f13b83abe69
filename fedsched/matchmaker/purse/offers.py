"""What the purse sees of a place where a class could run, and what a startd there costs in an hour."""

from __future__ import annotations

from typing import Protocol

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import Form
from fedsched.matchmaker.resources import Resources


class Offer(Protocol):
    """A place with the form and the size that one startd would have there."""

    @property
    def place(self) -> Place:
        """The node group."""

    @property
    def form(self) -> Form:
        """As what it would be placed."""

    @property
    def pods(self) -> int:
        """Pods of one placement."""

    @property
    def size(self) -> Resources:
        """Size of one startd, without the pod's overhead."""


def price(offer: Offer) -> float:
    """Per hour, in the federation's currency: the price per core-hour times the cores that its pods ask for.

    The price is the node group's, else the member's. A DaemonSet is counted on every node of its group.
    """
    terms, group = offer.place.terms, offer.place.group
    per_core = dict(terms.group_prices).get(group.name, terms.price_per_core_hour)
    pods = max(1, group.nodes) if offer.form == "startd-daemonset" else offer.pods
    return per_core * (offer.size.cpu_milli + terms.pod_overhead.cpu_milli) / 1000 * pods
