"""Reads policies/NAME.toml into the matchmaker's Policy, from the federation's folder or from those shipped."""

from __future__ import annotations

from pathlib import Path

import msgspec

import fedsched
from fedsched.config.policy_checks import judge
from fedsched.config.policy_keys import POLICY
from fedsched.config.problems import ConfigError, Problem, did_you_mean
from fedsched.config.tables import read_file
from fedsched.matchmaker.model import Policy


def policy_folders(own: Path) -> tuple[Path, ...]:
    """Where policies are looked for, first wins: the federation's, the installed ones, those of a checkout."""
    package = Path(fedsched.__file__).parent
    return own, package / "shipped" / "policies", package.parent / "policies"


def load_policy(name: str, own: Path) -> Policy:
    """A policy by name. Raises ConfigError, naming the known ones when there is none of that name."""
    folders = policy_folders(own)
    for folder in folders:
        if (folder / f"{name}.toml").is_file():
            return _load(folder / f"{name}.toml")
    known = sorted({file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.toml")})
    raise ConfigError((Problem(own / f"{name}.toml", 0, "", f'no policy "{name}"{did_you_mean(name, known)}'),))


def _load(file: Path) -> Policy:
    reading, read = read_file(file, POLICY)
    policy: Policy = msgspec.structs.replace(read, name=read.name or file.stem)
    if policy.name != file.stem:
        reading.wrong(("name",), f'expected "{file.stem}", the name of the file')
    judge(reading, policy)
    reading.finish()
    return policy
