"""A model as a web service: a JSON API, and a page on which a person reads an article marked up.

Nothing of a request is kept or logged.
"""

# Annotations stay objects here: FastAPI reads them, and those of the requests depend on the model.

import logging
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

import anyio.to_thread
import uvicorn
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema
from pydantic_core.core_schema import literal_schema
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

import stance
from stance.app.limits import HEADERS, BodyTimeout, Limits, Refusals, TimedHeads, problem
from stance.labels import LABELS
from stance.metrics import Score
from stance.model.predictor import NOT_FOR, Model
from stance.model.scorer import KERNEL_FROM
from stance.predict.rows import stances_of
from stance.reading.article import Reading, read_article
from stance.report.html import render

_MOST_FAULTS = 20
_SAMPLE = "We condemn the plan as a threat to peace."

Answer = dict[str, Any]


class Problem(BaseModel):
    """What was wrong with a request."""

    error: str = Field(description="What was wanted, what was found and where.")


_PROBLEMS = {
    400: "Not a request that HTTP allows.",
    408: "The body came too slowly.",
    413: "The body is too long.",
    421: "The service does not answer to that host name.",
    422: "The body is not what was wanted.",
    503: "Too many requests at a time.",
}


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # a request cut off by a stop is no failure
        await super().shutdown(sockets)


def server(app: FastAPI) -> uvicorn.Server:
    """Return the HTTP server of an application; its `run` takes the sockets to listen on."""
    config = uvicorn.Config(
        app, http=TimedHeads, lifespan="on", log_level="warning", access_log=False, server_header=False,
        headers=list(HEADERS.items()), h11_max_incomplete_event_size=1 << 14, limit_concurrency=512,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    return _Server(config)


def create_app(model: Model, *, limits: Limits | None = None, hosts: Iterable[str] = ()) -> FastAPI:
    """Return the ASGI application that serves one model; `hosts` are the names it answers to, by default any.

    A page elsewhere whose name is made to point here (DNS rebinding) comes with a name of its own.
    """
    limits = limits or Limits()
    model.scores([""] * KERNEL_FROM)  # loads what the first requests would wait for

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = limits.threads
        yield

    app = FastAPI(
        title="stance",
        version=stance.__version__,
        description="Stance of texts toward targets: against, none or favor.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses={status: {"model": Problem, "description": text} for status, text in _PROBLEMS.items()},
        middleware=[
            Middleware(Refusals, limits=limits),
            Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts] or ["*"], www_redirect=False),
            Middleware(RequestBodyLimitMiddleware, max_body_size=limits.body),
            Middleware(BodyTimeout, seconds=limits.seconds),
        ],
        exception_handlers={RequestValidationError: _invalid, HTTPException: _refused, Exception: _failed},
    )
    _add_api(app, model, limits)
    _add_pages(app, model, limits)
    return app


def _add_api(app: FastAPI, model: Model, limits: Limits) -> None:
    Target = Annotated[str, GetPydanticSchema(lambda *_: literal_schema([*model.targets]))]
    Text = Annotated[str, Field(max_length=limits.text)]

    class Texts(BaseModel):
        model_config = _body(texts=[_SAMPLE])
        texts: list[Text] = Field(min_length=1, max_length=limits.texts)
        targets: list[Target] | None = Field(
            None, min_length=1, max_length=len(model.targets), description="By default all."
        )
        min_proba: float = Field(0, ge=0, le=1, description="A label less probable is `unsure`.")

    class Sentence(BaseModel):
        model_config = _body(text=_SAMPLE, target=model.targets[0])
        text: str = Field(max_length=limits.sentence)
        target: Target

    class Article(BaseModel):
        model_config = _body(text=_SAMPLE)
        text: Text

    @app.post("/predict", responses=_answers(_predictions(model, [_SAMPLE], model.targets)))
    def predict(body: Texts) -> Answer:
        """Predict the stance of texts toward targets, by default all."""
        return _predictions(model, body.texts, body.targets or model.targets, body.min_proba)

    @app.post("/explain", responses=_answers(_reasons(model, _SAMPLE, model.targets[0])))
    def explain(body: Sentence) -> Answer:
        """Say why a text has its stance toward a target."""
        return _reasons(model, body.text, body.target)

    @app.post("/read", responses=_answers(read_article(model, _SAMPLE)))
    def read(body: Article) -> Reading:
        """Read an article: where each sentence stands toward each target, in sum, and who stands where."""
        reading = read_article(model, body.text)
        if (n := len(reading.sentences)) > limits.sentences:
            raise HTTPException(422, f"body.text: found {n:,} sentences; wanted at most {limits.sentences:,}")
        return reading

    @app.get("/info", responses=_answers(_facts(model, limits)))
    def info() -> Answer:
        """Tell what the model is, how well it does, and how much may be asked for."""
        return _facts(model, limits)


def _body(**example: Any) -> ConfigDict:
    """Return how a request's body is read: no field but those named, nothing converted."""
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [example]})


def _answers(example: Any) -> dict[int | str, Answer]:
    return {200: {"content": {"application/json": {"example": jsonable_encoder(example)}}}}


def _predictions(model: Model, texts: list[str], targets: Iterable[str], min_proba: float = 0) -> Answer:
    columns = {name: model.targets.index(name) for name in targets}
    proba = model.predict_proba(texts)
    return {
        "predictions": [
            {
                name: {"label": labels[t], "proba": dict(zip(LABELS, row[t].tolist(), strict=True))}
                for name, t in columns.items()
            }
            for row, labels in zip(proba, stances_of(proba, min_proba), strict=True)
        ]
    }


def _reasons(model: Model, text: str, target: str) -> Answer:
    explanation = model.explain(text, target)
    strongest = {
        label: [{"phrase": phrase, "push": push} for (phrase, _), push in explanation.strongest(label)]
        for label in LABELS
    }
    marks = [dict(zip(("piece", "label", "push", "strength"), mark, strict=True)) for mark in explanation.marks()]
    return {**explanation.to_dict(), "marks": marks, "strongest": strongest}


def _facts(model: Model, limits: Limits) -> Answer:
    info = model.info
    scores = {name: Score(*score) for name, score in info.scores.items()}
    target_scores = {name: Score(*score) for name, score in info.target_scores.items()}
    return {
        "version": stance.__version__, "name": info.name, "targets": info.targets, "titles": info.titles,
        "labels": LABELS, "fingerprint": info.fingerprint, "n_texts": info.n_texts, "n_examples": info.n_examples,
        "n_features": len(model.scorer.idf), "scores": scores, "target_scores": target_scores,
        "zero_shot": info.zero_shot,
        "not_for": NOT_FOR, "limits": asdict(limits),
    }  # fmt: skip


def _add_pages(app: FastAPI, model: Model, limits: Limits) -> None:
    pages = {
        "/": ("page.html.j2", "text/html"),
        "/docs": ("api.html.j2", "text/html"),
        "/page.css": ("page.css.j2", "text/css"),
        "/page.js": ("page.js.j2", "text/javascript"),
    }

    async def page(request: Request) -> Response:
        template, kind = pages[request.url.path]
        address = str(request.base_url).rstrip("/")
        text = render(template, info=model.info, longest=limits.text, api=app.openapi(), address=address)
        return Response(text, media_type=kind)

    for path in pages:
        app.add_route(path, page, include_in_schema=False)


async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    faults = error.errors()
    # What was sent is not sent back: it may be a megabyte, or no text at all.
    lines = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults[:_MOST_FAULTS]]
    if len(faults) > len(lines):
        lines.append(f"and {len(faults) - len(lines)} more")
    return problem(422, "; ".join(lines))


async def _refused(_: Request, error: HTTPException) -> JSONResponse:
    message = (
        "nothing is here; wanted /, /docs, or what /openapi.json lists" if error.status_code == 404 else error.detail
    )
    return problem(error.status_code, message, error.headers)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    return problem(500, "the service failed; its terminal says why")
