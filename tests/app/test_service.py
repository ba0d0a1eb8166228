"""The web service: what it answers, what it refuses, and that nothing sent to it breaks it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

import stance
from stance.app.gate import HEADERS, Limits
from stance.app.service import create_app
from stance.labels import COLORS, LABELS
from stance.model.predictor import Model, load
from tests.conftest import RunCli, heeding_interrupts

TEXT = "Moscow condemned the shield as a threat."
LIMITS = Limits(body=20_000, text=2000, sentence=200, texts=5, seconds=0.5)


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


@pytest.fixture(scope="module")
def app(model: Model) -> FastAPI:
    return create_app(model, limits=LIMITS)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        ("POST", "/predict", GenerationMode.POSITIVE),
        ("POST", "/predict", GenerationMode.NEGATIVE),
        ("POST", "/explain", GenerationMode.POSITIVE),
        ("POST", "/explain", GenerationMode.NEGATIVE),
        ("GET", "/info", GenerationMode.POSITIVE),
    ],
    ids=str,
)
def test_the_api_keeps_its_own_description(model: Model, method: str, path: str, mode: GenerationMode) -> None:
    app = create_app(model, limits=replace(LIMITS, body=1 << 20))
    operation = schemathesis.openapi.from_asgi("/openapi.json", app)[path][method]

    @given(operation.as_strategy(generation_mode=mode))
    @settings(suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        case.call_and_validate()

    check()


def test_predictions_are_the_models(client: TestClient, model: Model) -> None:
    texts = [TEXT, "", "<script>alert(1)</script>", "\u202eabc\u0000", "🚀" * 500]
    answer = client.post("/predict", json={"texts": texts})
    assert answer.status_code == 200
    found = answer.json()["predictions"]
    proba = [[[one[name]["proba"][label] for label in LABELS] for name in model.targets] for one in found]
    np.testing.assert_allclose(proba, model.predict_proba(texts), rtol=0, atol=1e-12)
    assert [one["shield"]["label"] for one in found] == list(model.predict(texts, target="shield"))
    only = client.post("/predict", json={"texts": [TEXT], "targets": ["club"]}).json()["predictions"]
    assert only == [{"club": found[0]["club"]}]


def test_reasons_are_the_models(client: TestClient, model: Model) -> None:
    found = client.post("/explain", json={"text": TEXT, "target": "shield"}).json()
    expected = model.explain(TEXT, "shield")
    assert {name: found[name] for name in ("label", "proba", "ngrams", "words")} == {
        name: value for name, value in expected.to_dict().items() if name in ("label", "proba", "ngrams", "words")
    }
    for label in LABELS:
        total = found["intercept"][label] + sum(one["share"][label] for one in found["ngrams"])
        assert total == pytest.approx(found["score"][label], abs=1e-9)
    assert "".join(mark["piece"] for mark in found["marks"]) == TEXT
    assert found["strongest"]["against"][0]["push"] > 0


def test_info_says_what_the_model_is(client: TestClient, model: Model) -> None:
    found = client.get("/info").json()
    assert found["targets"] == list(model.targets)
    assert found["fingerprint"] == model.info.fingerprint
    assert found["limits"]["texts"] == LIMITS.texts
    assert found["version"] == stance.__version__


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/predict", {"texts": "one"}, 422, r"body\.texts: .*list"),
        ("/predict", {"texts": [1]}, 422, r"body\.texts\.0: .*string"),
        ("/predict", {"texts": []}, 422, "at least 1 item"),
        ("/predict", {"texts": [""] * 6}, 422, "at most 5 items"),
        ("/predict", {"texts": ["x" * 2001]}, 422, "at most 2000 characters"),
        ("/predict", {"texts": [TEXT], "target": "shield"}, 422, r"body\.target: Extra"),
        ("/predict", {"texts": [TEXT], "targets": ["nato"]}, 422, "wanted 'shield' or 'club'"),
        ("/predict", {"texts": ["x" * 20_001]}, 413, "at most 20,000 bytes"),
        ("/predict", b"{", 422, "JSON decode error"),
        ("/predict", b'{"texts": ["\xff"]}', 400, "error"),
        ("/predict", rb'{"texts": ["\ud800"]}', 422, r"body\.texts\.0"),
        ("/predict", b'{"texts": [NaN]}', 422, r"body\.texts\.0"),
        ("/predict", b"[" * 10_000, 400, "error"),
        ("/explain", {"text": "x" * 201, "target": "shield"}, 422, "at most 200 characters"),
        ("/nowhere", {}, 404, "nothing is here"),
        ("/info", {}, 405, "Method Not Allowed"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_refused_is_refused_clearly(
    client: TestClient, path: str, body: object, status: int, message: str
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(path, content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert re.search(message, answer.json()["error"])
    assert len(answer.content) < 1000
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]


def test_a_long_body_is_refused_without_its_length_told_and_a_slow_one_too(client: TestClient) -> None:
    def long() -> Iterator[bytes]:
        for _ in range(30):
            yield b" " * 1000

    assert client.post("/predict", content=long()).status_code == 413


def test_only_its_own_names_are_answered(model: Model) -> None:
    local = TestClient(create_app(model, hosts=["localhost", "::1"]))
    for host, status in (
        ("localhost:80", 200),
        ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("", 421),
    ):
        assert local.get("/info", headers={"host": host}).status_code == status, host


def test_more_requests_than_wait_are_told_to_come_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    going, go = threading.Event(), threading.Event()
    slow = Model(model.scorer, model.info)
    app = create_app(slow, limits=Limits(waiting=1))

    def wait(texts: object) -> Any:
        going.set()
        go.wait(10)
        return model.predict_proba([TEXT])

    monkeypatch.setattr(slow, "predict_proba", wait)
    with TestClient(app) as client:
        first = threading.Thread(target=lambda: client.post("/predict", json={"texts": [TEXT]}))
        first.start()
        assert going.wait(10)
        refused = client.get("/info")
        go.set()
        first.join()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.get("/info").status_code == 200


def test_pages_take_nothing_from_elsewhere_and_have_the_labels_colours(client: TestClient) -> None:
    for path in ("/", "/docs", "/page.css", "/page.js"):
        answer = client.get(path)
        assert answer.status_code == 200
        outside = [
            url for url in re.findall(r"(?:https?:)?//[\w.]+", answer.text) if not url.startswith("http://testserver")
        ]
        assert [url for url in outside if path != "/page.js"] == []
        assert not re.search(r"@import|url\(|innerHTML|<script>|\son\w+=|\sstyle=", answer.text)
    css = client.get("/page.css").text
    assert all(f"--{label}: {color};" in css for label, color in COLORS.items())
    assert "POST /predict" in client.get("/docs").text


def test_serve_listens_on_loopback_and_stops_when_interrupted(tiny_run: Path) -> None:
    import signal
    import urllib.request

    command = [sys.executable, "-m", "stance", "serve", "--port", "0", "--model", str(tiny_run)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heeding_interrupts
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}info", timeout=20) as answer:
            assert json.load(answer)["name"] == "tiny"
            assert "server" not in answer.headers
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors
    assert process.returncode == 130


def test_a_port_that_is_taken_is_said(cli: RunCli, tiny_run: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("serve", "--port", str(taken.getsockname()[1]), "--model", tiny_run)
    assert done.returncode == 1
    assert "wanted an address of this machine (--host) and a free port (--port N, or 0 for any)" in done.stderr


def test_without_the_extra_it_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None; sys.argv[1:] = ['serve']; from stance.app.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: stance serve needs uvicorn: pip install 'stance-detect[serve]'\n"
