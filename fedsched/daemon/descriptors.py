"""How many files and connections the process may have open: as many as its members need, where the system lets it."""

from __future__ import annotations

import resource

from fedsched.log import log

EACH = 16
"""Of one member: a stream of each kind, what is asked at the same time, and what a lane writes with."""
OTHERS = 256
"""Journal, pools and their queries, people who look."""
ENOUGH = 65_536
"""Not more than this is asked for: some programs close whatever they might have open, one by one."""

_LOG = log("daemon")


def allow(members: int) -> int:
    """Raise our soft limit as far as the hard one allows, and say so where that is too little; the limit.

    What a service or a shell starts has a soft limit of 1024 mostly, and a hundred members take about 1100.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    needed = members * EACH + OTHERS
    if soft != resource.RLIM_INFINITY and soft < needed:
        _LOG.warning(
            "few-open-files", limit=soft, needed=needed, next="raise the hard limit (LimitNOFILE=, ulimit -Hn)"
        )
    return soft
