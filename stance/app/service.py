"""A model as a web service: a JSON API, and a page on which a person reads an article marked up.

Nothing of a request is kept or logged.
"""

# Annotations stay objects here: FastAPI reads them, and those of the requests depend on the model.

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

import stance
from stance.app.gate import Gate, Limits
from stance.errors import choices
from stance.labels import COLORS, LABELS, SIGNS
from stance.model.predictor import NOT_FOR, Model
from stance.model.scorer import Floats, kernel_missing, kernel_scores
from stance.reading.article import Reading, read_article
from stance.reading.holders import RULES
from stance.report.html import environment

_MOST_FAULTS = 20
_SAMPLE = "We condemn the plan as a threat to peace."


class Problem(BaseModel):
    """What was wrong with a request."""

    error: str = Field(description="What was wanted, what was found and where.")


class Proba(BaseModel):
    """A fraction for each stance; they add up to 1."""

    against: float = Field(ge=0, le=1)
    none: float = Field(ge=0, le=1)
    favor: float = Field(ge=0, le=1)


class Prediction(BaseModel):
    """The stance of a text toward a target."""

    label: Literal["against", "none", "favor"]
    proba: Proba


class Predictions(BaseModel):
    """For each text, in order, its stance toward each target."""

    predictions: list[dict[str, Prediction]]


class Shares(BaseModel):
    """A value for each stance; null for a stance that is never given."""

    against: float | None
    none: float | None
    favor: float | None


class NgramShare(BaseModel):
    """What an n-gram of the text adds to the scores."""

    kind: Literal["word", "char", "pair"]
    ngram: str
    n: int = Field(description="How often the text has it.")
    share: Shares


class WordShare(BaseModel):
    """What the characters from start to end, in code points, add to the scores."""

    start: int
    end: int
    share: Shares


class Mark(BaseModel):
    """A piece of the text, and the stance it pushes toward, if it pushes enough."""

    piece: str
    label: Literal["against", "none", "favor", ""]
    push: float = Field(description="Share of the score, less the mean over the stances.")
    strength: float = Field(ge=0, le=1, description="Push as a fraction of the strongest piece's.")


class Strong(BaseModel):
    """An n-gram that pushes toward a stance."""

    kind: Literal["word", "char", "pair"]
    ngram: str
    n: int
    push: float


class Reasons(BaseModel):
    """Why a text has its stance: intercept and shares, of n-grams or of words, add up to the score."""

    target: str
    label: Literal["against", "none", "favor"]
    proba: Proba
    score: Shares
    intercept: Shares
    ngrams: list[NgramShare]
    words: list[WordShare]
    marks: list[Mark] = Field(description="Pieces that join to the text.")
    strongest: dict[str, list[Strong]] = Field(description="For each stance, strongest first.")


class Score(BaseModel):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


class Info(BaseModel):
    """What the model is."""

    version: str = Field(description="Of stance.")
    name: str
    targets: list[str]
    titles: list[str] = Field(description="The targets' names for people.")
    labels: list[str] = Field(description="The stances, in the order of every list of three.")
    fingerprint: str = Field(description="SHA-256 of the training examples.")
    n_texts: int
    n_examples: int
    n_ngrams: int
    scores: dict[str, Score] = Field(description="Cross-validated.")
    target_scores: dict[str, Score] = Field(description="F_avg of each target.")
    not_for: list[str]
    limits: dict[str, float] = Field(description="Of requests: bytes, characters, number.")


class Asked(BaseModel):
    """A request's body: no field but those named, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


def create_app(model: Model, *, limits: Limits | None = None, hosts: Iterable[str] = ()) -> FastAPI:
    """Return the ASGI application that serves one model.

    Parameters
    ----------
    limits
        On requests; by default `Limits()`.
    hosts
        Names it answers to, without the port; by default any.
    """
    limits = limits or Limits()
    _warm(model)

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
        separate_input_output_schemas=False,
    )
    app.add_middleware(Gate, limits=limits, hosts=[host.lower() for host in hosts])
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    _add_api(app, model, limits)
    _add_pages(app, model, limits)
    return app


def _warm(model: Model) -> None:
    """Work out beforehand what the first requests would wait for."""
    model.scores([""])
    if kernel_missing() is None:
        kernel_scores(model.scorer, [""])


def _add_api(app: FastAPI, model: Model, limits: Limits) -> None:
    def known(name: str) -> str:
        if name not in model.targets:
            raise ValueError(f"no target of this model; wanted {choices(model.targets)}")
        return name

    Target = Annotated[str, AfterValidator(known), Field(json_schema_extra={"enum": list(model.targets)})]
    Text = Annotated[str, Field(max_length=limits.text)]

    class Texts(Asked):
        model_config = ConfigDict(json_schema_extra={"examples": [{"texts": [_SAMPLE]}]})

        texts: list[Text] = Field(min_length=1, max_length=limits.texts)
        targets: list[Target] | None = Field(None, min_length=1, description="By default all.")

    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": description}
        for status, description in {
            400: "Not a request that HTTP allows.",
            408: "The body came too slowly.",
            413: "The body is too long.",
            422: "The body is not what was wanted.",
            503: "Too many requests at a time.",
        }.items()
    }

    @app.post("/predict", responses=problems)
    def predict(asked: Texts) -> Predictions:
        """Predict the stance of each text toward each target."""
        proba = model.predict_proba(asked.texts)
        wanted = [(name, model.targets.index(name)) for name in asked.targets or model.targets]
        return Predictions(predictions=[{name: _prediction(row[i]) for name, i in wanted} for row in proba])

    class Why(Asked):
        model_config = ConfigDict(json_schema_extra={"examples": [{"text": _SAMPLE, "target": model.targets[0]}]})

        text: str = Field(max_length=limits.sentence)
        target: Target

    @app.post("/explain", responses=problems)
    def explain(asked: Why) -> Reasons:
        """Say why a text has its stance toward a target."""
        found = model.explain(asked.text, asked.target)
        strongest = {
            label: [Strong(kind=one.kind, ngram=one.ngram, n=one.n, push=push) for one, push in found.strongest(label)]
            for label in LABELS
        }
        marks = [Mark(**dict(zip(Mark.model_fields, mark, strict=True))) for mark in found.marks()]
        return Reasons(**found.to_dict(), marks=marks, strongest=strongest)

    class Article(Asked):
        model_config = ConfigDict(json_schema_extra={"examples": [{"text": _SAMPLE}]})

        text: Text

    @app.post("/read", responses=problems)
    def read(asked: Article) -> Reading:
        """Read an article: where each sentence stands toward each target, in sum, and who stands where."""
        reading = read_article(model, asked.text)
        if (n := len(reading.sentences)) > limits.sentences:
            raise HTTPException(422, f"body.text: found {n:,} sentences; wanted at most {limits.sentences:,}")
        return reading

    @app.get("/info", responses={503: problems[503]})
    def info() -> Info:
        """Tell what the model is, how well it does, and how much may be asked for."""
        about = model.info
        return Info(
            version=stance.__version__, name=about.name, targets=list(about.targets), titles=list(about.titles),
            labels=list(LABELS), fingerprint=about.fingerprint, n_texts=about.n_texts, n_examples=about.n_examples,
            n_ngrams=len(model.scorer.idf), scores=_scores(about.scores), target_scores=_scores(about.target_scores),
            not_for=list(NOT_FOR), limits=vars(limits),
        )  # fmt: skip


def _prediction(proba: Floats) -> Prediction:
    found = dict(zip(LABELS, proba.tolist(), strict=True))
    return Prediction(label=LABELS[proba.argmax()], proba=Proba(**found))


def _scores(found: dict[str, tuple[float, float, float]]) -> dict[str, Score]:
    return {name: Score(value=value, low=low, high=high) for name, (value, low, high) in found.items()}


def _add_pages(app: FastAPI, model: Model, limits: Limits) -> None:
    templates = environment(escape=True)
    targets = list(zip(model.targets, model.info.titles, strict=True))
    pages = {
        "/": ("page.html.j2", "text/html"),
        "/docs": ("api.html.j2", "text/html"),
        "/page.css": ("page.css.j2", "text/css"),
        "/page.js": ("page.js.j2", "text/javascript"),
    }

    async def page(request: Request) -> Response:
        name, kind = pages[request.url.path]
        text = templates.get_template(name).render(
            targets=targets,
            longest=limits.text,
            labels=LABELS,
            colors=COLORS,
            signs=SIGNS,
            rules=RULES,
            api=app.openapi(),
            address=str(request.base_url).rstrip("/"),
        )
        return Response(text, media_type=kind)

    for path in pages:
        app.add_route(path, page, include_in_schema=False)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    # What was sent is not sent back: it may be a megabyte, or no text at all.
    lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found[:_MOST_FAULTS]]
    if len(found) > len(lines):
        lines.append(f"and {len(found) - len(lines)} more")
    return JSONResponse({"error": "; ".join(lines)}, status_code=422)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = {404: "nothing is here; wanted /, /docs, or what /openapi.json lists"}.get(error.status_code)
    return JSONResponse({"error": message or error.detail}, status_code=error.status_code, headers=error.headers)
