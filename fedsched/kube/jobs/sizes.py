"""How large a user's pod is: what its containers are given, requests and limits alike, and what the scheduler counts.

Memory and disk: the larger of request and limit, for what a container may use is what is promised. CPU: the request,
or the limit where there is none, for a container that gets less is only slower.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from fedsched.kube.amounts import MEBI, NOTHING, Amounts, add, larger, quantity
from fedsched.kube.jobs.containers import NATIVE

CPU, MEMORY, DISK = "cpu", "memory", "ephemeral-storage"
DEFAULTS = {CPU: 1000, MEMORY: 512 * MEBI, DISK: 1024 * MEBI}
"""Of a main container that names none: thousandths of a core, bytes."""
BESIDE = {CPU: 100, MEMORY: 128 * MEBI, DISK: 256 * MEBI}
"""Of a sidecar that names none."""


class Sized(NamedTuple):
    """needs: of the whole pod, as its node counts it. containers: (main ones, init ones) amounts by resource each.

    floors: a sentence for each amount that was not stated as it is taken.
    """

    needs: Amounts
    main: tuple[dict[str, int], ...]
    init: tuple[dict[str, int], ...]
    floors: tuple[str, ...]


def sized(pod: dict[str, Any]) -> Sized:
    """Sizes of a cleaned pod spec."""
    floors: list[str] = []
    main = [_stated(each, floors) for each in pod["containers"]]
    init = [_stated(each, floors) for each in pod.get("initContainers", ())]
    _share_out(main, pod.get("resources", {}))
    scratch = _scratch(pod)
    for resource, least in DEFAULTS.items():
        if not any(resource in each for each in main) and scratch[resource]:
            main[0][resource] = least + scratch[resource]
            floors.append(f"{resource} is not stated: {_show(resource, main[0][resource])} with its volumes assumed")
        _fill(main, resource, least, floors)
    total = _sum(main)
    for each, container in zip(init, pod.get("initContainers", ()), strict=True):
        for resource in NATIVE - each.keys():
            sidecar = container.get("restartPolicy") == "Always"
            each[resource] = BESIDE[resource] if sidecar else total[resource]
    return Sized(_needs(main, init, pod), tuple(main), tuple(init), tuple(sorted(set(floors))))


def amount(resource: str, written: str) -> int:
    """A vetted quantity in thousandths (cpu), bytes, or whole devices."""
    return quantity(written, resource == CPU) or 0


def _stated(container: dict[str, Any], floors: list[str]) -> dict[str, int]:
    resources = container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    found = {}
    for name in sorted({*requests, *limits}):
        asked = amount(name, requests.get(name, limits.get(name, "0")))
        most = amount(name, limits.get(name, requests.get(name, "0")))
        found[name] = asked if name == CPU else max(asked, most)
        if found[name] > asked:
            floors.append(f"{name} of {container['name']}: its limit counts, {_show(name, found[name])}")
    return {name: value for name, value in found.items() if value}  # a limit of 0 would be none


def _share_out(main: list[dict[str, int]], whole: dict[str, Any]) -> None:
    """What is stated for the pod as a whole goes to the containers: older members know no such field."""
    stated = _stated({"name": "the pod", "resources": whole}, [])
    for resource, total in stated.items():
        rest = total - sum(each.get(resource, 0) for each in main)
        bare = [each for each in main if resource not in each]
        if rest > 0:
            takers = bare or main[:1]
            for number, each in enumerate(takers):
                part = rest // len(takers) + (rest % len(takers) if number == 0 else 0)
                each[resource] = each.get(resource, 0) + part


def _scratch(pod: dict[str, Any]) -> dict[str, int]:
    """Bounds of volumes that count as the containers' own: on disk, or in memory."""
    found = {CPU: 0, MEMORY: 0, DISK: 0}
    for volume in pod.get("volumes", ()):
        empty = volume.get("emptyDir")
        if empty and "sizeLimit" in empty:
            found[MEMORY if empty.get("medium") == "Memory" else DISK] += amount(DISK, empty["sizeLimit"])
    return found


def _fill(main: list[dict[str, int]], resource: str, least: int, floors: list[str]) -> None:
    for each in main:
        if resource not in each:
            each[resource] = least
            floors.append(f"{resource} is not stated: {_show(resource, least)} assumed")


def _sum(containers: Iterable[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in containers:
        for name, value in each.items():
            found[name] = found.get(name, 0) + value
    return found


def _needs(main: list[dict[str, int]], init: list[dict[str, int]], pod: dict[str, Any]) -> Amounts:
    """As the scheduler counts: sidecars stay, a plain init container runs beside the sidecars before it."""
    total = sidecars = peak = NOTHING
    for each in main:
        total = add(total, _amounts(each))
    for each, container in zip(init, pod.get("initContainers", ()), strict=True):
        if container.get("restartPolicy") == "Always":
            sidecars = add(sidecars, _amounts(each))
            peak = larger(peak, sidecars)
        else:
            peak = larger(peak, add(sidecars, _amounts(each)))
    return larger(add(total, sidecars), peak)._replace(pods=1)


def _amounts(given: dict[str, int]) -> Amounts:
    other = tuple(sorted((name, value) for name, value in given.items() if name not in NATIVE and value))
    return Amounts(given.get(CPU, 0), given.get(MEMORY, 0), given.get(DISK, 0), 0, other)


def _show(resource: str, value: int) -> str:
    if resource == CPU:
        return f"{value / 1000:g} cores"
    return f"{-(-value // MEBI)} MiB" if resource in NATIVE else str(value)
