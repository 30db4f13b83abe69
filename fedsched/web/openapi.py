"""What the API is, as an OpenAPI document and as a page for people; both are made from the table of questions."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Any, NamedTuple

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fedsched import __version__
from fedsched.client.documents import VERSION, Counterfactuals, Cycle, Failed, LogLine, Logs, LogsAsk, Tried
from fedsched.web.questions import QUESTIONS, Question
from fedsched.web.replies import JSON, STATUS

API = "/api/v1"
_REF = "#/components/schemas/{name}"
_STATES = {
    400: "a parameter is unknown, wrong or too long",
    404: "no such thing, or none whose name is shown to you",
    409: "several things are called so",
    503: "no cycle yet, or too many questions at once: ask again after Retry-After seconds",
}


async def described(_request: Request) -> Response:
    """/openapi.json."""
    return Response(_encoded(), media_type=JSON, headers={"Cache-Control": "no-cache"})


async def page(_request: Request) -> Response:
    """/api: the same for people."""
    return Response(_page(), media_type="text/html", headers={"Cache-Control": "no-cache"})


async def style(_request: Request) -> Response:
    """/api/style.css."""
    return Response(_environment().get_template("api.css").render(), media_type="text/css")


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document."""
    kinds: list[type[msgspec.Struct]] = [*(question.answer for question in QUESTIONS)]
    kinds += [*(question.asks for question in QUESTIONS), Failed, Cycle, Tried, Counterfactuals]
    kinds += [LogsAsk, Logs, LogLine]
    shapes, components = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=_REF)
    schemas = dict(zip(dict.fromkeys(kinds), shapes, strict=True))
    paths = {_address(question): {"get": _operation(question, schemas, components)} for question in QUESTIONS}
    paths[f"{API}/cycles"] = {"get": _streamed(CYCLES, schemas, [])}
    explained = paths[f"{API}/explain/{{job}}"]["get"]["parameters"]
    paths[f"{API}/explain/{{job}}/counterfactuals"] = {"get": _streamed(PROVEN, schemas, explained)}
    paths[f"{API}/jobs/{{job}}/logs"] = {"get": _logs(schemas, components)}
    paths["/healthz"] = {"get": _health()}
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "fedsched",
            "version": __version__,
            "summary": "Questions about the last cycle of a federation; nothing can be changed here.",
            "description": f"Every answer begins with its kind and the version of all answers, now {VERSION}. Times "
            "are epoch seconds. Fields may be added at any time.",
        },
        "paths": paths,
        "components": {"schemas": _without(components, {*(q.asks.__name__ for q in QUESTIONS), LogsAsk.__name__})},
    }
    # Defaults are Python's values until they are written.
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return found


def _address(question: Question) -> str:
    return API + re.sub(r":\w+}", "}", question.path)


def _operation(question: Question, schemas: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    asks = components[question.asks.__name__]["properties"]
    answers = {str(status): _answer(text, schemas[Failed]) for status, text in _STATES.items()}
    return {
        "operationId": question.name,
        "summary": question.text,
        "description": inspect.getdoc(question.answer) or "",
        "parameters": [_parameter(question, name, shape) for name, shape in asks.items()],
        "responses": {"200": _answer("The answer.", schemas[question.answer]), **answers},
    }


def _parameter(question: Question, name: str, shape: dict[str, Any]) -> dict[str, Any]:
    in_path = re.search(rf"{{{name}[:}}]", question.path) is not None
    found: dict[str, Any] = {"name": name, "in": "path" if in_path else "query", "required": in_path, "schema": shape}
    text = inspect.getdoc(question.asks) or ""
    return found | {"description": text}


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {JSON: {"schema": schema}}}


class _Stream(NamedTuple):
    """A stream as it is described. events: what the data of each kind of event is."""

    name: str
    summary: str
    text: str
    events: dict[str, type[msgspec.Struct]]


CYCLES = _Stream(
    "cycles",
    "Each cycle as it is decided, as server-sent events.",
    "The newest cycle, then each that follows, with its number as id. Who reads slowly gets the newest, not all.",
    {"cycle": Cycle},
)
PROVEN = _Stream(
    "counterfactuals",
    "What would help a job's class, as server-sent events.",
    "One event for each change that was tried, proven by deciding again, then all of them; or why they could not be.",
    {"tried": Tried, "counterfactuals": Counterfactuals, "error": Failed},
)

LOGS = _Stream(
    "logs",
    "What the pods of a job wrote, or with `follow` what they write, as server-sent events.",
    "Whoever may not see all names reads only the logs of his own Kubernetes Jobs. Event `lines` has a list of lines, "
    "`unread` a sentence on what cannot be read; `end` follows when everything is over.",
    {"lines": LogLine, "error": Failed},
)


def _streamed(stream: _Stream, schemas: dict[Any, Any], parameters: list[dict[str, Any]]) -> dict[str, Any]:
    text = f"{stream.text} Whoever does not read is cut off."
    shape = {"schema": {"type": "string"}, "x-events": {name: schemas[kind] for name, kind in stream.events.items()}}
    return {
        "operationId": stream.name,
        "summary": stream.summary,
        "description": text,
        "parameters": parameters,
        "responses": {
            "200": {"description": text, "content": {"text/event-stream": shape}},
            **{str(status): _answer(why, schemas[Failed]) for status, why in _STATES.items()},
        },
    }


def _logs(schemas: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Lines, or with `follow` a stream of them: its events are lists of lines."""
    stream = _streamed(LOGS, schemas, [])
    asks = components[LogsAsk.__name__]["properties"]
    described_ = inspect.getdoc(LogsAsk) or ""
    stream["parameters"] = [
        {
            "name": name,
            "in": "path" if name == "job" else "query",
            "required": name == "job",
            "schema": shape,
            "description": described_,
        }
        for name, shape in asks.items()
    ]
    stream["responses"]["200"]["content"][JSON] = {"schema": schemas[Logs]}
    return stream


def _health() -> dict[str, Any]:
    body = {"type": "object", "properties": {"state": {"type": "string"}, "age_s": {"type": "number"}}}
    return {
        "operationId": "healthz",
        "summary": "Whether cycles follow each other.",
        "responses": {
            "200": _answer("They do.", body),
            "503": _answer("None came for too long, or the daemon is stopping.", body),
        },
    }


def _without(components: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: shape for name, shape in components.items() if name not in names}


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(description())


@cache
def _page() -> str:
    return _environment().get_template("api.html.j2").render(api=description(), states=STATUS)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("fedsched.web", "pages"), autoescape=True, undefined=jinja2.StrictUndefined
    )
