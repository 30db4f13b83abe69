"""Settings and their files: fedsched.toml, policies/*.toml, clusters/*.toml become frozen types here."""

from fedsched.config.checks import Files, check, load
from fedsched.config.federation import load_federation
from fedsched.config.members import load_member, load_members
from fedsched.config.policies import load_policy
from fedsched.config.problems import ConfigError, Problem
from fedsched.config.schema import schemas

__all__ = [
    "ConfigError",
    "Files",
    "Problem",
    "check",
    "load",
    "load_federation",
    "load_member",
    "load_members",
    "load_policy",
    "schemas",
]
