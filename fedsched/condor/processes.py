"""Child processes that talk to one pool for us: started, asked with a limit, killed, replaced; not what they say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

import fedsched
from fedsched.condor import frames
from fedsched.condor.private import PrivateFolder
from fedsched.condor.questions import Answer, Failed, Question
from fedsched.config.settings import PoolSettings

START_S = 30.0
"""Longest time that a child may take to import the bindings (60 ms on an idle machine)."""
QUESTIONS_PER_CHILD = 2000
"""After so many questions a child is replaced, so that what the bindings leak stays small."""


class QueryFailed(Exception):  # noqa: N818 - a fact of a peer
    """A question that got no answer: one line, no secret. died: the child ended while at it."""

    def __init__(self, text: str, *, died: bool = False) -> None:
        super().__init__(text)
        self.died = died


class Children:
    """Children for one pool. `ask` may be called from several threads; each call uses a child of its own.

    limit_s: after so long a question's child is killed.
    """

    def __init__(self, pool: PoolSettings, limit_s: float) -> None:
        self._pool = pool
        self._limit_s = limit_s
        self._folder = PrivateFolder()  # the one place where children find a token
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._closed = threading.Event()

    def ask(self, question: Question) -> Answer:
        """The answer; QueryFailed when there is none within the limit."""
        child = self._take()
        try:
            answer = child.ask(question, self._limit_s)
        except BaseException:
            self._drop(child)
            raise
        self._give_back(child)
        if isinstance(answer, Failed):
            raise QueryFailed(answer.error)
        return answer

    def close(self) -> None:
        """Ends all children at once; a question under way fails."""
        with self._lock:
            self._closed.set()
            children = list(self._all)
            self._idle.clear()
        for child in children:
            child.kill()
        self._folder.close()

    def _take(self) -> _Child:
        with self._lock:
            if self._closed.is_set():
                raise QueryFailed("stopping")
            self._store_token()
            if self._idle:
                return self._idle.pop()
        child = _Child(_environment(self._pool, self._folder.path, self._limit_s), self._limit_s)
        with self._lock:
            if self._closed.is_set():
                child.kill()
                raise QueryFailed("stopping")
            self._all.add(child)
        return child

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            if not self._closed.is_set() and child.asked < QUESTIONS_PER_CHILD:
                self._idle.append(child)
                return
        self._drop(child)

    def _drop(self, child: _Child) -> None:
        with self._lock:
            self._all.discard(child)
        child.kill()

    def _store_token(self) -> None:
        """A copy of the pool's token, and only of that, again when the file changed."""
        if self._pool.token_file is None:
            return
        try:
            if not self._folder.store("tokens/pool", self._pool.token_file.read_bytes()):
                return
        except OSError as error:
            raise QueryFailed(f"token of pool {self._pool.name}: {self._pool.token_file}: {error.strerror}") from error
        # Children keep sessions made with the old token.
        idle, self._idle = self._idle, []
        for child in idle:
            self._all.discard(child)
            child.kill()


class _Child:
    """One process and our end of its socket."""

    def __init__(self, environment: dict[str, str], limit_s: float) -> None:
        ours, its = socket.socketpair()
        self.asked = 0
        self._peer = ours
        arguments = [sys.executable, "-m", "fedsched.condor.child", str(its.fileno()), str(limit_s)]
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, an argument list
                arguments,
                env=environment,
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        try:
            frames.receive(ours, START_S)
        except OSError as error:
            self.kill()
            raise QueryFailed(f"a child process for HTCondor queries did not start: {error}") from error

    def ask(self, question: Question, limit_s: float) -> Answer:
        """The child's answer; QueryFailed when it is silent for limit_s seconds or ends."""
        self.asked += 1
        try:
            self._peer.settimeout(limit_s)
            frames.send(self._peer, msgspec.msgpack.encode(question))
            return _DECODER.decode(frames.receive(self._peer, limit_s))
        except TimeoutError:
            raise QueryFailed(f"no answer within {limit_s:g} s") from None
        except (OSError, msgspec.MsgspecError) as error:
            raise QueryFailed("the answer ended the process that read it", died=True) from error

    def kill(self) -> None:
        """Ends the process now; it holds nothing that would need an orderly end."""
        self._process.kill()
        self._process.wait()
        self._peer.close()


_DECODER: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def _environment(pool: PoolSettings, folder: Path, limit_s: float) -> dict[str, str]:
    """All that a child sees: no file of configuration, no token but the pool's, nothing of our own environment.

    Authentication is OPTIONAL: a foreign schedd takes no token of ours, and answers readers without one.
    """
    tokens, nothing = str(folder / "tokens"), str(folder / "none")
    path: Sequence[str] = [str(Path(fedsched.__file__).resolve().parent.parent)]
    timeout = str(max(1, int(limit_s)))
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": nothing,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CONDOR_CONFIG": "ONLY_ENV",
        "_CONDOR_COLLECTOR_HOST": pool.collector,
        "_CONDOR_SEC_TOKEN_DIRECTORY": tokens,
        "_CONDOR_SEC_TOKEN_SYSTEM_DIRECTORY": tokens,
        "_CONDOR_SEC_PASSWORD_DIRECTORY": nothing,
        "_CONDOR_SEC_TOKEN_POOL_SIGNING_KEY_FILE": f"{nothing}/POOL",
        "_CONDOR_SEC_CLIENT_AUTHENTICATION": "OPTIONAL",
        "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS": "IDTOKENS",
        "_CONDOR_QUERY_TIMEOUT": timeout,
        "_CONDOR_Q_QUERY_TIMEOUT": timeout,
        "_CONDOR_SEC_TCP_SESSION_TIMEOUT": timeout,
    }
