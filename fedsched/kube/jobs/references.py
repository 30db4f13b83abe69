"""Names of ConfigMaps, Secrets and claims in a pod spec: finding them, and giving them the names of another place."""

from __future__ import annotations

from typing import Any, Protocol


class Renamer(Protocol):
    """Says which name to write in a name's place."""

    def __call__(self, kind: str, name: str, *, optional: bool) -> str:
        """The name there."""
        ...


FIELDS = {
    "configMapRef": ("ConfigMap", "name"),
    "configMapKeyRef": ("ConfigMap", "name"),
    "configMap": ("ConfigMap", "name"),
    "secretRef": ("Secret", "name"),
    "secretKeyRef": ("Secret", "name"),
    "nodePublishSecretRef": ("Secret", "name"),
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
}
"""Field that holds a reference -> kind and the key of the name. Of a Secret as a volume it is secretName."""


def renamed(value: Any, rename: Renamer) -> Any:
    """The same structure with other names; raises what `rename` raises."""
    if isinstance(value, list):
        return [renamed(each, rename) for each in value]
    if not isinstance(value, dict):
        return value
    return {field: _field(field, inner, rename) for field, inner in value.items()}


def names_in(pod: dict[str, Any]) -> set[tuple[str, str]]:
    """(kind, name) of all that a cleaned pod spec names, optional ones included."""
    found: set[tuple[str, str]] = set()

    def note(kind: str, name: str, *, optional: bool) -> str:
        del optional
        found.add((kind, name))
        return name

    renamed(pod, note)
    return found


def _field(field: str, inner: Any, rename: Renamer) -> Any:
    if field == "imagePullSecrets":
        return [{"name": rename("Secret", each["name"], optional=False)} for each in inner]
    target = _target(field, inner) if isinstance(inner, dict) else None
    if target is None:
        return renamed(inner, rename)
    kind, key = target
    return inner | {key: rename(kind, inner[key], optional=inner.get("optional") is True)}


def _target(field: str, inner: dict[str, Any]) -> tuple[str, str] | None:
    if field == "secret":
        return "Secret", "secretName" if "secretName" in inner else "name"
    return FIELDS.get(field)
