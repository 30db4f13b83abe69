"""Structured events on standard error, as JSON or for a console; whatever looks like a secret is cut out on the way."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal

import structlog

HIDDEN = "<hidden>"
_SECRET_KEY = re.compile(
    r"token|secret|passw|authorization|credential_text|kubeconfig|private_key|_pem$", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"  # JSON web tokens: service accounts and IDTOKENS
    r"|-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)"
    r"|(?i:bearer|basic) [A-Za-z0-9+/=._~-]{8,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",
    re.DOTALL,
)
_DEEPEST = 6


def scrub(value: Any, depth: int = 0) -> Any:
    """The value with secrets in texts and under telling keys replaced, in containers up to six deep."""
    if isinstance(value, str):
        return _SECRET_TEXT.sub(HIDDEN, value)
    if isinstance(value, bytes):
        return HIDDEN
    if depth >= _DEEPEST or value is None or isinstance(value, bool | int | float):
        return value if depth < _DEEPEST else HIDDEN
    if isinstance(value, Mapping):
        return {k: _kept(str(k), v, depth) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(item, depth + 1) for item in value]
    return _SECRET_TEXT.sub(HIDDEN, str(value))


def _kept(key: str, value: Any, depth: int) -> Any:
    plain = value is None or isinstance(value, bool | int | float)
    return HIDDEN if _SECRET_KEY.search(key) and not plain else scrub(value, depth + 1)


def _scrub_event(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """The last processor before rendering, so that tracebacks pass it too."""
    return {key: _kept(key, value, 0) for key, value in event.items()}


def configure(style: Literal["json", "console"] = "json", level: str = "info") -> None:
    """Once, at start; `level` is one of debug, info, warning, error. Other libraries' logging goes the same way."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shape: structlog.types.Processor = (
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    before: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    structlog.configure(
        processors=[*before, shape],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # Looked up for each logger: whoever replaces standard error for a while may close what it put there.
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=[remove, shape]))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def log(part: str = "fedsched") -> Any:
    """The logger of one part of fedsched ("loop", "daemon", "kube"); events carry it as `part`."""
    return structlog.get_logger(part=part)  # lazy: `configure` may come later
