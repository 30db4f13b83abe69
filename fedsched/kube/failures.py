"""What an answer of an API server means for a change: gone, conflict, refused or try again; no bodies, no secrets."""

from __future__ import annotations

import re
from typing import Literal

from fedsched.kube.transport import TransportError

Result = Literal["done", "gone", "conflict", "refused", "retry", "fenced"]

QUOTA = re.compile(r"exceeded quota: ([A-Za-z0-9.-]{1,253})")
WEBHOOK = re.compile(r'admission webhook "([^"]{1,253})"')
POLICY = re.compile(r"(?:ValidatingAdmissionPolicy|policy) '([^']{1,253})'")
POD_SECURITY = re.compile(r'PodSecurity "([^"]{1,100})"')
LIMITS = re.compile(r"(?:maximum|minimum) [a-z.-]+ usage per (?:Container|Pod)|max limit to request ratio")
OTHER_UID = "metadata.uid"


class EndedError(Exception):
    """A change ended otherwise than done. what: one line for people."""

    def __init__(self, result: Result, what: str, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.result: Result = result
        self.what = what
        self.retry_after_s = retry_after_s


def ended(error: TransportError) -> EndedError:
    """What a failed call means for the change that it was part of."""
    if error.contact == "unauthorized":
        return EndedError("retry", "unauthorized")
    words = str(error)
    if error.status == 404:
        return EndedError("gone", words)
    if error.status == 409 or (error.status == 422 and OTHER_UID in words):
        return EndedError("conflict", words)
    if 400 <= error.status < 500 and error.status not in {408, 429}:
        return EndedError("refused", blame(words))
    return EndedError("retry", words, error.retry_after_s or 0.0)


def blame(words: str) -> str:
    """The words of a refusal, headed by what refused: a quota, a limit range, a policy, a webhook, our rights (S4)."""
    for pattern, name in ((QUOTA, "quota"), (POLICY, "policy"), (WEBHOOK, "webhook"), (POD_SECURITY, "pod security")):
        found = pattern.search(words)
        if found:
            return f"{name} {found[1]}: {words}"
    if LIMITS.search(words):
        return f"limit range: {words}"
    if " cannot " in words and " in API group " in words:
        return f"our rights: {words}; run `fedsched join` again to repair the Role"
    return words
