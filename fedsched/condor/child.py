"""The child process: reads questions from a socket, asks HTCondor, answers; it keeps nothing between questions.

It exists because the bindings hold Python's lock while they wait for the network, and because text from strangers has
killed the ClassAd parser: whatever happens here, the daemon loses one answer. Run by fedsched.condor.processes.
"""

from __future__ import annotations

import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from fedsched.condor import frames
from fedsched.condor.questions import (
    Announce,
    Answer,
    AskAccounts,
    AskClocks,
    AskDemand,
    AskJobs,
    AskSlots,
    Failed,
    FindSchedds,
    Invalidate,
    Question,
    ReadJobs,
    ReadSubmit,
    Tell,
)

MEMORY_BYTES = 4 << 30
"""Address space of a child: a schedd with absurdly much to say ends the child, not the machine."""
GRACE_S = 5
"""The child ends itself so long after its limit, should the parent be gone and unable to."""


def main(arguments: list[str]) -> None:
    """Serves questions on the inherited socket until the parent closes it. arguments: file descriptor, limit in s."""
    descriptor, limit_s = int(arguments[0]), int(float(arguments[1]))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    decoder = msgspec.msgpack.Decoder(Question)
    # Imported before the first question, so that its limit is all the question's.
    import fedsched.condor.negotiator_query  # noqa: F401, PLC0415

    with socket.socket(fileno=descriptor) as parent:
        frames.send(parent, b"ready")
        while True:
            try:
                question = decoder.decode(frames.receive(parent))
            except frames.Closed:
                return
            signal.alarm(limit_s + GRACE_S)
            answer = respond(question)
            signal.alarm(0)
            frames.send(parent, msgspec.msgpack.encode(answer))


def respond(question: Question) -> Answer:
    """The answer to one question; whatever goes wrong becomes Failed with one line."""
    # The parent imports this module without the bindings.
    from fedsched.condor import (  # noqa: PLC0415
        announce_query,
        clock_query,
        job_query,
        negotiator_query,
        query,
        submit_file,
        submit_jobs,
    )

    answers: dict[type, Callable[[Any], Answer]] = {
        AskClocks: clock_query.clocks,
        FindSchedds: query.find,
        AskDemand: query.demand,
        AskSlots: query.slots,
        Invalidate: query.invalidate,
        AskAccounts: negotiator_query.accounts,
        Tell: negotiator_query.tell,
        ReadSubmit: submit_file.read,
        ReadJobs: submit_jobs.read,
        AskJobs: job_query.jobs,
        Announce: announce_query.announce,
    }
    try:
        return answers[type(question)](question)
    except MemoryError:
        return Failed("the answer is too large")
    except Exception as error:  # noqa: BLE001 - a stranger's answer can raise anything; it costs this answer only
        return Failed(one_line(error))


def one_line(error: BaseException) -> str:
    """What an exception says, in at most 300 characters of one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:300]


if __name__ == "__main__":
    main(sys.argv[1:])
