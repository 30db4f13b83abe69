"""What a target pool, its guests and the startds need for flocking: configuration and commands; nothing runs here."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from fedsched.config.settings import PoolSettings

LEASE_MINUTES = 10
"""A job whose startd vanished hangs as long as its lease; HTCondor's own default is 40 minutes."""
GUEST_DAYS = 365
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
STARTD_RIGHTS = ("READ", "ADVERTISE_STARTD", "ADVERTISE_MASTER")
FILE = "50-fedsched.conf"
DRIVE = """\
# negotiator = "drive": fedsched sets factors and ceilings of submitters; the right is for the negotiator alone
NEGOTIATOR.ALLOW_ADMINISTRATOR = $(ALLOW_ADMINISTRATOR) fedsched@$(TRUST_DOMAIN)
"""
ANNOUNCE = """\
# announce: fedsched tells users why they wait (condor_status -subsystem FedschedClass); generic ads need this right,
# which is for the collector alone, and which a token without ADVERTISE_SCHEDD or NEGOTIATOR narrows to such ads
COLLECTOR.ALLOW_DAEMON = $(ALLOW_DAEMON) fedsched@$(TRUST_DOMAIN)
"""


class FlockConfig(msgspec.Struct, frozen=True):
    """All texts for one target pool. Every text may be read by anybody: none holds a token.

    target: configuration of its central manager. target_commands: run there; they print tokens or store them.
    guests: configuration of each guest's schedd, the same for all. guest_commands: run at each guest, by its name.
    submit: lines for submit files of jobs that bring their own settings. startds: lines of fedsched.toml.
    helm: values for a chart that mounts a ConfigMap at /etc/condor/config.d.
    """

    pool: str
    collector: str
    target: str
    target_commands: tuple[str, ...]
    guests: str
    guest_commands: dict[str, tuple[str, ...]]
    submit: str
    startds: str
    helm: str


def flock_config(pool: PoolSettings, guests: Sequence[str], lease_minutes: int = LEASE_MINUTES) -> FlockConfig:
    """Texts for a pool and its guests (short names, which become identities such as schedd-NAME@trust domain).

    lease_minutes: what jobs get as lease. ValueError for a name that cannot be part of an identity, or a lease that
    is not between 2 minutes and a day.
    """
    for name in guests:
        if not NAME.fullmatch(name):
            raise ValueError(f"guest {name!r}: letters, digits, '.', '_' and '-' only, as it becomes schedd-NAME@…")
    if not 2 <= lease_minutes <= 24 * 60:
        raise ValueError(f"lease of {lease_minutes} minutes: between 2 and 1440")
    target, guest = _target(pool, guests), _guest(pool, lease_minutes)
    return FlockConfig(
        pool=pool.name,
        collector=pool.collector,
        target=target,
        target_commands=_target_commands(pool, guests),
        guests=guest,
        guest_commands={name: _guest_commands(pool, name) for name in guests},
        submit=f"# in submit files that set their own lease\njob_lease_duration = {lease_minutes * 60}\n",
        startds=_startds(pool),
        helm=_helm(pool, target, guest),
    )


def _target(pool: PoolSettings, guests: Sequence[str]) -> str:
    schedds = " ".join(f"schedd-{name}@$(TRUST_DOMAIN)" for name in guests) or "schedd-*@$(TRUST_DOMAIN)"
    return f"""\
# /etc/condor/config.d/{FILE} of the central manager: who may advertise what. Then: condor_reconfig
# guests' schedds: what they had, and these
ALLOW_ADVERTISE_SCHEDD = $(ALLOW_ADVERTISE_SCHEDD:$(ALLOW_DAEMON)) {schedds}
# startds that fedsched places (startd-MEMBER) and fedsched itself, which removes ads of pods that are gone
ALLOW_ADVERTISE_STARTD = $(ALLOW_ADVERTISE_STARTD:$(ALLOW_DAEMON)) startd-*@$(TRUST_DOMAIN) fedsched@$(TRUST_DOMAIN)
ALLOW_ADVERTISE_MASTER = $(ALLOW_ADVERTISE_MASTER:$(ALLOW_DAEMON)) startd-*@$(TRUST_DOMAIN)
# fedsched reads queues, slots and priorities
ALLOW_READ = $(ALLOW_READ) fedsched@$(TRUST_DOMAIN)
{ANNOUNCE if pool.announce else ""}{DRIVE if pool.negotiator == "drive" else ""}"""


def _guest(pool: PoolSettings, lease_minutes: int) -> str:
    return f"""\
# /etc/condor/config.d/{FILE} of each guest's schedd. Then: condor_reconfig
FLOCK_TO = {pool.collector}
# jobs that a lost pod ran are run again after this, not after 40 minutes
JOB_DEFAULT_LEASE_DURATION = {lease_minutes * 60}
# startds in other people's clusters share no file system with you
SUBMIT_DEFAULT_SHOULD_TRANSFER_FILES = YES
"""


def _create(identity: str, rights: Sequence[str], lifetime_s: int, more: str = "") -> str:
    """One command line; the trust domain is asked of the pool itself, which knows best."""
    authz = " ".join(f"-authz {right}" for right in rights)
    who = f"{identity}@$(condor_config_val TRUST_DOMAIN)"
    return f'condor_token_create -identity "{who}" {authz} -lifetime {lifetime_s}{more}'


def _target_commands(pool: PoolSettings, guests: Sequence[str]) -> tuple[str, ...]:
    return (
        *(
            _create(f"schedd-{name}", ("READ", "ADVERTISE_SCHEDD"), GUEST_DAYS * 86_400, f" > {name}.token")
            for name in guests
        ),
        _create("fedsched", _own_rights(pool), GUEST_DAYS * 86_400, " > fedsched.token"),
        _create(
            "startd-MEMBER",
            ("READ", "ADVERTISE_STARTD", "ADVERTISE_MASTER"),
            pool.startd_token_lifetime_s,
            " > startd-MEMBER.token",
        ),
    )


def _own_rights(pool: PoolSettings) -> tuple[str, ...]:
    more = (("DAEMON",) if pool.announce else ()) + (("ADMINISTRATOR",) if pool.negotiator == "drive" else ())
    return ("READ", "ADVERTISE_STARTD", *more)


def _guest_commands(pool: PoolSettings, name: str) -> tuple[str, ...]:
    return (
        f"install -o root -g root -m 600 {name}.token /etc/condor/tokens.d/{pool.name}   # got from the pool's admin",
        "condor_reconfig",
        f"fedsched flock-config --check --target {pool.collector}",
    )


def _startds(pool: PoolSettings) -> str:
    rights = " ".join(f"-authz {right}" for right in STARTD_RIGHTS)
    words = f"condor_token_create -identity startd-{{member}}@TRUST_DOMAIN {rights} -lifetime {{lifetime_s}}".split()
    command = ", ".join(f'"{word}"' for word in words)
    return f"""\
# fedsched.toml: how fedsched gets a token for the startds of a member, here where it may run on the central manager;
# elsewhere name a command that asks whoever keeps the key (ssh, a vault). TRUST_DOMAIN: see condor_config_val
[[pool]]
name = "{pool.name}"
collector = "{pool.collector}"
token_file = "fedsched.token"
startd_token_command = [{command}]
startd_token_lifetime_s = {pool.startd_token_lifetime_s}
ccb = {str(pool.ccb).lower()}
"""


def _helm(pool: PoolSettings, target: str, guest: str) -> str:
    host, _, port = pool.collector.rpartition(":")

    def block(text: str) -> str:
        return "".join(f"      {line}\n" for line in text.splitlines())

    return f"""\
# For a chart that mounts a ConfigMap at /etc/condor/config.d of its central manager and of its schedd. Charts that
# authenticate by CLAIMTOBE (everybody is who he says) must not: the lines of `security` come first.
condorHost: {host}
collectorPort: {port}
config:
  security:
    10-security.conf: |
      use security:recommended_v9_0
      SEC_CLIENT_AUTHENTICATION_METHODS = FS, IDTOKENS
      SEC_DAEMON_AUTHENTICATION_METHODS = FS, IDTOKENS
      SEC_NEGOTIATOR_AUTHENTICATION_METHODS = FS, IDTOKENS
      SEC_ADVERTISE_STARTD_AUTHENTICATION_METHODS = IDTOKENS
  master:
    {FILE}: |
{block(target)}  schedd:
    {FILE}: |
{block(guest)}tokens:
  schedd:
    secretName: fedsched-flock
    key: {pool.name}
    mountPath: /etc/condor/tokens.d
    defaultMode: 0600
"""
