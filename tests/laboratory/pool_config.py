"""The configuration texts of a laboratory pool; why each line is there, nothing that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PORT = 9618

PLACES = """\
RELEASE_DIR = /usr
BIN = /usr/bin
SBIN = /usr/sbin
LIBEXEC = /usr/libexec/condor
LIB = /usr/lib/condor
SHARE = /usr/share/condor
LOCAL_DIR = {folder}
LOG = $(LOCAL_DIR)/log
SPOOL = $(LOCAL_DIR)/spool
EXECUTE = $(LOCAL_DIR)/execute
LOCK = $(LOCAL_DIR)/lock
RUN = $(LOCAL_DIR)/run
LOCAL_CONFIG_DIR = $(LOCAL_DIR)/config.d
"""

NETWORK = """\
CONDOR_HOST = {host}
COLLECTOR_HOST = {host}:{port}
NETWORK_INTERFACE = {host}
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
NO_DNS = True
DEFAULT_DOMAIN_NAME = {name}.lab
UID_DOMAIN = {domain}
FILESYSTEM_DOMAIN = {domain}
USE_SHARED_PORT = True
SHARED_PORT_PORT = {port}
DAEMON_LIST = MASTER SHARED_PORT {daemons}
"""

SECURITY = """\
use security:recommended_v9_0
TRUST_DOMAIN = {domain}
SEC_PASSWORD_DIRECTORY = $(LOCAL_DIR)/passwords.d
SEC_TOKEN_POOL_SIGNING_KEY_FILE = $(LOCAL_DIR)/passwords.d/POOL
SEC_TOKEN_SYSTEM_DIRECTORY = $(LOCAL_DIR)/tokens.d
SEC_ENABLE_REMOTE_ADMINISTRATION = True
# several pools on one host: a daemon takes a local peer for its own family, and the other refuses the session
SEC_USE_FAMILY_SESSION = False
"""

SPEED = """\
NEGOTIATOR_INTERVAL = 5
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
NEGOTIATOR_UPDATE_INTERVAL = 5
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 1
UPDATE_INTERVAL = 10
COLLECTOR_UPDATE_INTERVAL = 15
POLLING_INTERVAL = 2
MASTER_BACKOFF_CONSTANT = 2
RUNBENCHMARKS = 0
# in a chroot "/" is no mount point, and the starter cannot make it private (errno 22)
MOUNT_UNDER_SCRATCH =
"""

RIGHTS = """\
# flocking guests (their own tokens) and pilots
ALLOW_ADVERTISE_SCHEDD = $(ALLOW_DAEMON) schedd-*@{domain}
ALLOW_ADVERTISE_STARTD = $(ALLOW_DAEMON) {identity} glidein@{domain}
ALLOW_ADVERTISE_MASTER = $(ALLOW_DAEMON) {identity} glidein@{domain}
# what fedsched may do: generic ads, factors and ceilings, remote drain
ALLOW_DAEMON = $(ALLOW_DAEMON) {identity}
NEGOTIATOR.ALLOW_ADMINISTRATOR = $(ALLOW_ADMINISTRATOR) {identity}
COLLECTOR.ALLOW_ADMINISTRATOR = $(ALLOW_ADMINISTRATOR) {identity}
"""


def base(*, name: str, folder: Path, host: str, domain: str, daemons: str) -> str:
    """The whole of condor_config but what a test adds."""
    text = f"{PLACES}\n{NETWORK}\n{SECURITY}\n{SPEED}"
    return text.format(name=name, folder=folder, host=host, domain=domain, daemons=daemons, port=PORT)


def rights(domain: str, identity: str) -> str:
    """The rights that a target pool gives to fedsched's identity, to startds and to guests."""
    return RIGHTS.format(domain=domain, identity=identity)


def flocking(target: str) -> str:
    """All that a guest needs beside its token."""
    return f"FLOCK_TO = {target}\n"
