"""Everything that can be said of a federation's files without any network: all problems, in one go."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from fedsched.config.federation import load_federation
from fedsched.config.members import load_members
from fedsched.config.policies import load_policy
from fedsched.config.problems import ConfigError, Problem
from fedsched.config.settings import Credential, Federation, MemberFile
from fedsched.matchmaker.model import Policy

T = TypeVar("T")
SCENARIO = "scenario.toml"


class Files(msgspec.Struct, frozen=True):
    """A federation's files as one: what `serve` runs by."""

    federation: Federation
    members: tuple[MemberFile, ...]
    policy: Policy


def load(file: Path) -> Files:
    """fedsched.toml and all that it points to. Raises ConfigError with every problem; credentials are not opened."""
    files, problems = _gather(file)
    if files is None or problems:
        raise ConfigError(tuple(problems))
    return files


def check(file: Path) -> tuple[Problem, ...]:
    """All problems of all files, credentials and tokens included; () when `serve` can start.

    A folder with a scenario.toml is a simulated federation, for which nobody has credentials.
    """
    files, problems = _gather(file)
    if files:
        problems += _other_policies(files)
    if files and not (file.parent / SCENARIO).is_file():
        problems += [p for member in files.members for p in credential_problems(files.federation, member)]
        problems += [p for path in _tokens(files.federation) for p in _private(path, file, "token_file")]
    return tuple(sorted(problems))


def credential_problems(federation: Federation, member: MemberFile) -> list[Problem]:
    """What is wrong with a member's credential file: missing, readable by others, or not a credential."""
    path = federation.credentials / member.credential
    problems = _private(path, member.path, "credential")
    if problems:
        return problems
    try:
        credential = msgspec.json.decode(path.read_bytes(), type=Credential)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The decoder's message may quote the file.
        return [Problem(path, 0, "", f"is not a credential; make it again: fedsched join {member.name}")]
    if credential.namespace != member.namespace:
        return [Problem(member.path, 0, "namespace", f"the credential is for namespace {credential.namespace!r}")]
    return []


def _gather(file: Path) -> tuple[Files | None, list[Problem]]:
    problems: list[Problem] = []

    def attempt(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except ConfigError as error:
            problems.extend(error.problems)
            return None

    federation = attempt(lambda: load_federation(file))
    if federation is None:
        return None, problems
    members = attempt(lambda: load_members(federation))
    policy = attempt(lambda: load_policy(federation.policy, federation.policies))
    if members is None or policy is None:
        return None, problems
    return Files(federation, members, policy), problems


def _other_policies(files: Files) -> list[Problem]:
    """The federation's own policies that are not in force: `policy = …` may name them tomorrow."""
    problems: list[Problem] = []
    for file in sorted(files.federation.policies.glob("*.toml")):
        try:
            load_policy(file.stem, file.parent)
        except ConfigError as error:
            problems += error.problems
    return problems


def _tokens(federation: Federation) -> list[Path]:
    paths = [path for pool in federation.pools for path in (pool.token_file, pool.startd_token_file)]
    return [path for path in paths if path]


def _private(path: Path, named_in: Path, key: str) -> list[Problem]:
    """A secret's file must exist and be nobody else's to read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return [Problem(named_in, 0, key, f"{path}: {error.strerror}")]
    if not stat.S_ISREG(mode):
        return [Problem(named_in, 0, key, f"{path}: expected a file")]
    if mode & 0o077:
        return [Problem(named_in, 0, key, f"{path}: others may read it; run: chmod 600 {path}")]
    return []
