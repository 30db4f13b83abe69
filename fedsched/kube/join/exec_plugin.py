"""Runs one credential plugin once, after the operator allowed it by name; decides nothing about who may."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedsched.kube.join.refusal import JoinError, shown

LIMIT_S = 60
MAX_OUTPUT = 1 << 20
SECRET_FLAG = re.compile(r"secret|token|passw|key|cred|auth", re.IGNORECASE)
LOADS_CODE = re.compile(r"^(LD_|DYLD_|PYTHON|PERL|RUBY|NODE_|JAVA_TOOL|BASH_ENV$|ENV$|IFS$|PATH$|GCONV_PATH$|GIT_)")


def command_line(plugin: Mapping[str, Any]) -> str:
    """What would be run, for a person, values of telling flags hidden."""
    words, hide = [str(plugin.get("command") or "")], False
    for word in _arguments(plugin):
        flag, equals, _ = word.partition("=")
        if hide and not word.startswith("-"):
            words.append("…")
        else:
            words.append(f"{flag}=…" if equals and SECRET_FLAG.search(flag) else word)
        hide = word.startswith("-") and not equals and bool(SECRET_FLAG.search(word))
    return shown(" ".join(words))


def run(plugin: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """The `status` of the ExecCredential that the plugin prints. folder: the kubeconfig's, for relative commands.

    Refused: environment that makes programs load code, a missing program, an exit code other than 0, more than 60 s,
    an answer that is none. The plugin's output is never shown.
    """
    version = str(plugin.get("apiVersion") or "")
    command = str(plugin.get("command") or "")
    name = shown(command, 60)
    if not version.startswith("client.authentication.k8s.io/"):
        raise JoinError(
            f"exec plugin {name}: apiVersion is not client.authentication.k8s.io/…", "update the kubeconfig"
        )
    program = str(folder / command) if "/" in command and not command.startswith("/") else command
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    env = {**os.environ, **_environment(plugin, name), "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        done = subprocess.run(  # noqa: S603 - the operator allowed exactly this command
            [program, *_arguments(plugin)],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    except FileNotFoundError:
        raise JoinError(
            f"exec plugin {name}: no such program on this machine", "install it, or run join where it is"
        ) from None
    except OSError as error:
        raise JoinError(f"exec plugin {name}: {error.strerror}", "run it by hand and look") from None
    except subprocess.TimeoutExpired:
        raise JoinError(
            f"exec plugin {name}: no answer within {LIMIT_S} s", "log in by hand first, then run join again"
        ) from None
    if done.returncode:
        raise JoinError(f"exec plugin {name}: exit code {done.returncode}", "log in by hand first, then run join again")
    return _status(done.stdout, name)


def _arguments(plugin: Mapping[str, Any]) -> list[str]:
    given = plugin.get("args") or []
    return [str(word) for word in given] if isinstance(given, list) else []


def _environment(plugin: Mapping[str, Any], name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    entries = plugin.get("env") or []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        key = str(entry.get("name") or "")
        if LOADS_CODE.match(key):
            raise JoinError(
                f"exec plugin {name}: the kubeconfig sets {shown(key, 40)}, which makes programs load foreign code",
                "remove it from the kubeconfig; set it in your own shell if you want it",
            )
        found[key] = str(entry.get("value") or "")
    return found


def _status(output: bytes, name: str) -> dict[str, str]:
    wrong = JoinError(f"exec plugin {name}: its answer is no ExecCredential", "run it by hand and look")
    if len(output) > MAX_OUTPUT:
        raise wrong
    try:
        status = json.loads(output)["status"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise wrong from None
    if not isinstance(status, dict):
        raise wrong
    return {str(key): value for key, value in status.items() if isinstance(value, str)}
