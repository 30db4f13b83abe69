"""A real HTCondor pool (or a flocking guest) in a sandbox of its own: daemons, users, tokens, reads.

Its configuration texts live in pool_config.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

from tests.laboratory import parts, places, pool_config
from tests.laboratory.part_condor import CHROOT_PART, PATH, USERS
from tests.laboratory.places import LaboratoryError, tail
from tests.laboratory.sandbox import Sandbox, common_mounts, same_path, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.laboratory.session import Session

Ad = dict[str, Any]
AD_TYPES = {"COLLECTOR": "Collector", "NEGOTIATOR": "Negotiator", "SCHEDD": "Scheduler", "STARTD": "Machine"}
START_LIMIT_S = 60  # 3 s alone
CONDOR_FOLDERS = ("log", "spool", "execute", "lock", "run")


class Pool:
    """Starts at once and is ready when the constructor returns.

    Times are in seconds; every failed tool is a LaboratoryError.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        *,
        daemons: Sequence[str] = ("COLLECTOR", "NEGOTIATOR", "SCHEDD"),
        flock_to: Pool | None = None,
        rights_for: str | None = None,
        config: str = "",
    ) -> None:
        self.name, self.session, self.daemons = name, session, tuple(daemons)
        self.root = parts.ensure(CHROOT_PART) / "root"
        self.folder = session.fresh_folder(f"pool-{name}")
        self.trust_domain = f"pool-{name}"
        self.host, self.port = session.address(), pool_config.PORT
        self.address = f"{self.host}:{self.port}"
        self._make_folders()
        texts = pool_config.base(
            name=name, folder=self.folder, host=self.host, domain=self.trust_domain, daemons=" ".join(daemons)
        )
        (self.folder / "condor_config").write_text(texts)
        rights = pool_config.rights(self.trust_domain, rights_for) if rights_for else ""
        flocking = pool_config.flocking(flock_to.address) if flock_to else ""
        (self.folder / "config.d/50-laboratory").write_text(f"{rights}{flocking}{config}\n")
        self.sandbox = self._open()
        if flock_to:
            authz = ("READ", "ADVERTISE_SCHEDD")
            self.store_token(flock_to.name, flock_to.token(f"schedd-{name}@{flock_to.trust_domain}", authz=authz))
        self.start()

    # --- life

    def start(self) -> None:
        """Starts condor_master and waits until every daemon's ad is in the collector."""
        if not self.sandbox.process.running():
            self.sandbox = self._open()
        out = self.folder / "master.out"
        self.sandbox.detach(f"setsid /usr/sbin/condor_master -f > {out} 2>&1 < /dev/null", self._environment("root"))
        wanted = {AD_TYPES[daemon] for daemon in self.daemons if daemon in AD_TYPES}
        if "COLLECTOR" not in self.daemons:
            return
        self.wait(
            f"daemons {' '.join(self.daemons)}", lambda: wanted <= {ad["MyType"] for ad in self.ads()}, START_LIMIT_S
        )

    def stop(self) -> None:
        """Ends the daemons fast and closes the sandbox; queue and logs stay until the session closes."""
        self.sandbox.close()

    def kill(self) -> None:
        """SIGKILL to all daemons at once, as when a machine loses power; `start` brings them back on the same spool."""
        self.sandbox.close()
        self.sandbox = self._open()

    def halt(self, limit_s: float = 20) -> None:
        """SIGQUIT to the master (fast shutdown), then waits; `start` brings it back."""
        self.sandbox.send("condor_master", signal.SIGQUIT)
        self.wait("the master's end", lambda: not self.sandbox.pids("condor_master"), limit_s)

    # --- single daemons

    def stop_daemon(self, daemon: str) -> None:
        """Tells the master to stop one daemon (fast) and to leave it stopped; waits until it is gone."""
        self.run("condor_off", "-fast", "-daemon", daemon.lower())
        self.wait(f"{daemon} to stop", lambda: not self.pids(daemon), 30)

    def start_daemon(self, daemon: str) -> None:
        """Tells the master to start a stopped daemon; waits for its process."""
        self.run("condor_on", "-daemon", daemon.lower())
        self.wait(f"{daemon} to start", lambda: self.pids(daemon), 30)

    def restart_daemon(self, daemon: str) -> None:
        """Kills one daemon; the master starts it again (2 s).

        Waits for the new process and, for the collector, for its answer.
        """
        old = set(self.pids(daemon))
        self.kill_daemon(daemon)
        self.wait(f"{daemon} to come back", lambda: set(self.pids(daemon)) - old, 60)
        if daemon == "COLLECTOR":
            self.wait("the collector to answer", lambda: self.try_run("condor_status", "-collector") is not None, 60)

    def pause_daemon(self, daemon: str) -> None:
        """SIGSTOP: it accepts connections (the shared port does) and never answers."""
        self._signal(daemon, signal.SIGSTOP)

    def resume_daemon(self, daemon: str) -> None:
        """SIGCONT."""
        self._signal(daemon, signal.SIGCONT)

    def kill_daemon(self, daemon: str) -> None:
        """SIGKILL; the master starts it again after 2 s and more."""
        self._signal(daemon, signal.SIGKILL)

    def pids(self, daemon: str) -> list[int]:
        """PIDs of one daemon as this machine sees them."""
        return self.sandbox.pids(f"condor_{daemon.lower()}")

    # --- users and tools

    def run(self, *arguments: str, user: str = "root", limit_s: float = 60, text: str | None = None) -> str:
        """Runs a tool in the pool's folder tree and gives its standard output; `text` is its standard input."""
        uid = USERS.get(user)
        done = self.sandbox.run(*arguments, env=self._environment(user), uid=uid, limit_s=limit_s, text=text)
        if done.returncode:
            raise LaboratoryError(
                f"{' '.join(arguments)}: {done.returncode}: {(done.stderr or done.stdout).strip()[-800:]}"
            )
        return done.stdout

    def try_run(self, *arguments: str, limit_s: float = 10) -> str | None:
        """As `run`, None instead of an error."""
        try:
            return self.run(*arguments, limit_s=limit_s)
        except LaboratoryError:
            return None

    def home(self, user: str) -> Path:
        """A user's submit folder, the same path inside and outside."""
        return self.folder / "home" / user

    def submit(self, user: str, description: str) -> int:
        """Submits a description as a user; the cluster's number."""
        file = self.home(user) / f"submit-{secrets.token_hex(3)}"
        file.write_text(description)
        script = f"cd {self.home(user)} && exec condor_submit -terse {file}"
        said = self.run("/bin/sh", "-c", script, user=user)
        return int(said.split(".", 1)[0])

    def token(self, identity: str, authz: Sequence[str] | None = None, lifetime_s: int | None = None) -> str:
        """A token of this pool, signed with its key; without `authz` it carries all rights of the identity."""
        options = [word for right in authz or () for word in ("-authz", right)]
        if lifetime_s is not None:
            options += ["-lifetime", str(lifetime_s)]
        return self.run("condor_token_create", "-identity", identity, *options).strip()

    def store_token(self, name: str, token: str) -> None:
        """Gives the pool's own daemons a token of another pool; they look for it when they next connect."""
        file = self.folder / "tokens.d" / name
        file.touch(mode=0o600)
        file.write_text(f"{token}\n")

    def configure(self, text: str) -> None:
        """Appends configuration and tells the daemons to read it."""
        with (self.folder / "config.d/50-laboratory").open("a") as out:
            out.write(f"{text}\n")
        self.run("condor_reconfig")

    def client_environment(self, token: str | None = None) -> dict[str, str]:
        """Environment for a child process outside that uses the Python bindings against this pool."""
        folder = self.folder / f"client-{secrets.token_hex(3)}"
        folder.mkdir(mode=0o700)
        if token:
            file = folder / "token"
            file.touch(mode=0o600)
            file.write_text(f"{token}\n")
        return {
            "CONDOR_CONFIG": "ONLY_ENV",
            "_CONDOR_SEC_TOKEN_DIRECTORY": str(folder),
            "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS": "IDTOKENS",
            "_CONDOR_COLLECTOR_HOST": self.address,
        }

    # --- reads

    def ads(self, kind: str = "Any", constraint: str = "true") -> list[Ad]:
        """Ads in the collector: Any, Machine, Scheduler, Submitter, DaemonMaster, Negotiator, Accounting."""
        flags = {
            "Any": "-any",
            "Machine": "-startd",
            "Scheduler": "-schedd",
            "Submitter": "-submitters",
            "DaemonMaster": "-master",
        }
        where = [flags.get(kind, f"-{kind.lower()}")]
        return decode(self.try_run("condor_status", *where, "-json", "-constraint", constraint))

    def slots(self, constraint: str = "true") -> list[Ad]:
        """Slot ads, partitionable and dynamic; `-startd` alone gives the daemons' own ads as well, or only those."""
        return self.ads("Any", f'MyType == "Machine" && ({constraint})')

    def jobs(self, constraint: str = "true", projection: Sequence[str] = ()) -> list[Ad]:
        """Jobs in this pool's queue."""
        return self._jobs("condor_q", ("-all",), constraint, projection)

    def history(self, constraint: str = "true", projection: Sequence[str] = ()) -> list[Ad]:
        """Jobs that left the queue, the newest first."""
        return self._jobs("condor_history", (), constraint, projection)

    def wait(self, what: str, test: Callable[[], Any], timeout_s: float = 60) -> Any:
        """Polls until `test()` is true and gives its value.

        LaboratoryError with the pool's last log lines otherwise.
        """
        end = time.monotonic() + timeout_s
        while not (seen := test()):
            if time.monotonic() > end:
                raise LaboratoryError(
                    f"pool {self.name}: no {what} after {timeout_s} s{tail(self.folder / 'log/MasterLog')}"
                )
            time.sleep(0.1)
        return seen

    # --- inside

    def _jobs(self, command: str, flags: tuple[str, ...], constraint: str, projection: Sequence[str]) -> list[Ad]:
        chosen = ["-attributes", ",".join(projection)] if projection else []
        return decode(self.run(command, *flags, "-json", *chosen, "-constraint", constraint))

    def _signal(self, daemon: str, number: int) -> None:
        if not self.sandbox.send(f"condor_{daemon.lower()}", number):
            raise LaboratoryError(f"pool {self.name} has no running {daemon}")

    def _environment(self, user: str) -> dict[str, str]:
        home = "/root" if user not in USERS else str(self.home(user))
        return {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": home,
            "USER": user,
            "CONDOR_CONFIG": str(self.folder / "condor_config"),
        }

    def _open(self) -> Sandbox:
        # A /tmp of its own, so that FS authentication does not reach across pools; mounted first, for the sessions may
        # lie below it.
        own_tmp = f"{tool('mount')} --bind {self.folder / 'tmp'} {self.root}/tmp"
        setup = [*common_mounts(self.root), own_tmp, *same_path(self.root, places.sessions())]
        return Sandbox(self.session, f"pool-{self.name}", self.root, setup, self.folder / "sandbox.log")

    def _make_folders(self) -> None:
        for name in (*CONDOR_FOLDERS, "passwords.d", "tokens.d", "config.d", "tmp", "home"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "tmp").chmod(0o1777)
        owner = condor_ids(self.root)
        for name in CONDOR_FOLDERS:
            shutil.chown(self.folder / name, *owner)
        for name in ("passwords.d", "tokens.d"):
            (self.folder / name).chmod(0o700)
        for user, uid in USERS.items():
            self.home(user).mkdir()
            shutil.chown(self.home(user), uid, uid)
        key = self.folder / "passwords.d/POOL"
        key.touch(mode=0o600)
        key.write_text(secrets.token_urlsafe(64))


def condor_ids(root: Path) -> tuple[int, int]:
    """User and group number of condor in a root folder."""
    rows = (line.split(":") for line in (root / "etc/passwd").read_text().splitlines())
    return next((int(row[2]), int(row[3])) for row in rows if row[0] == "condor")


def decode(text: str | None) -> list[Ad]:
    """Ads of a tool's JSON; the tools print nothing at all for an empty list."""
    return list(json.loads(text)) if text and text.strip() else []
