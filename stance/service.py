"""A model as a web service: a JSON API, and a page on which a person reads an article marked up.

Nothing of a request is kept or logged.
"""

# Annotations stay objects here: FastAPI reads them, and those of the requests depend on the model.

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

import stance
from stance.gate import Gate, Limits
from stance.model import Model
from stance.schema import LABELS, choices
from stance.scorer import kernel_missing, kernel_scores

_MOST_FAULTS = 20


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


class Info(BaseModel):
    """What the model is."""

    version: str = Field(description="Of stance.")
    name: str
    targets: list[str]
    titles: dict[str, str] = Field(description="The targets' names for people.")
    labels: list[str]
    fingerprint: str = Field(description="SHA-256 of the training examples.")
    n_texts: int
    n_examples: int
    n_ngrams: int
    scores: dict[str, tuple[float, float, float]] = Field(description="Cross-validated: value, low, high (95 %).")
    target_scores: dict[str, tuple[float, float, float]] = Field(description="F_avg of each target.")
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
    _add_pages(app, model)
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
        texts: list[Text] = Field(min_length=1, max_length=limits.texts, examples=[["We condemn the shield."]])
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

    @app.get("/info")
    def info() -> Info:
        """Tell what the model is, how well it does, and how much may be asked for."""
        facts = model.facts()
        return Info(
            version=stance.__version__, labels=list(LABELS), limits=vars(limits),
            titles=dict(zip(model.targets, facts.pop("titles"), strict=True)), **facts,
        )  # fmt: skip


def _prediction(proba: Any) -> Prediction:
    found = dict(zip(LABELS, proba.tolist(), strict=True))
    return Prediction(label=LABELS[proba.argmax()], proba=Proba(**found))


def _add_pages(app: FastAPI, model: Model) -> None:
    templates = Environment(loader=PackageLoader("stance"), autoescape=True, undefined=StrictUndefined)

    def add(path: str, content: Callable[[], str], kind: str) -> None:
        async def page() -> Response:
            return Response(content(), media_type=kind)

        app.get(path, include_in_schema=False)(page)

    folder = files("stance") / "templates"
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
        text = (folder / name).read_text("utf-8")
        add(f"/{name}", lambda text=text: text, kind)  # type: ignore[misc]
    html = templates.get_template("page.html.j2").render(titles=model.info.titles)
    add("/", lambda: html, "text/html")
    add("/docs", lambda: templates.get_template("api.html.j2").render(api=app.openapi()), "text/html")


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
