"""The web service: what it answers, what it refuses, and that nothing sent to it breaks it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import schemathesis
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

import stance
from stance.app.limits import HEADERS, Limits
from stance.app.serve_command import LOOPBACK
from stance.app.service import create_app, server
from stance.labels import COLORS, LABELS
from stance.model.predictor import Model, load
from stance.reading.article import read_article
from tests.conftest import RunCli, heeding_interrupts

TEXT = "Moscow condemned the shield as a threat."
LIMITS = Limits(body=20_000, text=2000, sentence=200, texts=5, seconds=0.5)


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


@contextmanager
def serving(running: uvicorn.Server) -> Iterator[httpx2.Client]:
    """Yield a client of a server that runs beside the test."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        with httpx2.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            yield client
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def client(model: Model) -> Iterator[httpx2.Client]:
    """A client of the service as it runs, with small limits."""
    with serving(server(create_app(model, limits=LIMITS))) as client:
        yield client


@pytest.mark.slow
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


def test_predictions_are_the_models(client: httpx2.Client, model: Model) -> None:
    texts = [TEXT, "", "<script>alert(1)</script>", "\u202eabc\u0000", "🚀" * 500]
    answer = client.post("/predict", json={"texts": texts})
    assert answer.status_code == 200
    predictions = answer.json()["predictions"]
    proba = [[[one[name]["proba"][label] for label in LABELS] for name in model.targets] for one in predictions]
    np.testing.assert_allclose(proba, model.predict_proba(texts), rtol=0, atol=1e-12)
    assert [one["shield"]["label"] for one in predictions] == list(model.predict(texts, target="shield"))
    only = client.post("/predict", json={"texts": [TEXT], "targets": ["club"]}).json()["predictions"]
    assert only == [{"club": predictions[0]["club"]}]
    least = float(model.predict_proba(texts).max()) - 1e-9
    unsure = client.post("/predict", json={"texts": texts, "min_proba": least}).json()["predictions"]
    assert {one[name]["label"] for one in unsure for name in model.targets} > {"unsure"}
    for one, other in zip(predictions, unsure, strict=True):
        for name in model.targets:
            surest = max(one[name]["proba"].values())
            assert other[name] == one[name] | ({} if surest >= least else {"label": "unsure"})


def test_reasons_are_the_models(client: httpx2.Client, model: Model) -> None:
    reasons = client.post("/explain", json={"text": TEXT, "target": "shield"}).json()
    explanation = model.explain(TEXT, "shield")
    marks, strongest = reasons.pop("marks"), reasons.pop("strongest")
    assert reasons == explanation.to_dict()
    assert [tuple(mark.values()) for mark in marks] == explanation.marks()
    for label in LABELS:
        expected = [(one.phrase, push) for one, push in explanation.strongest(label)]
        assert [(one["phrase"], one["push"]) for one in strongest[label]] == expected


def test_readings_are_the_models(client: httpx2.Client, model: Model) -> None:
    reading = client.post("/read", json={"text": TEXT}).json()
    assert {"labels": list(LABELS), **reading} == json.loads(json.dumps(read_article(model, TEXT).as_dict()))


def test_info_says_what_the_model_is(client: httpx2.Client, model: Model) -> None:
    info = client.get("/info").json()
    assert info["targets"] == list(model.targets)
    assert info["fingerprint"] == model.info.fingerprint
    assert info["limits"]["texts"] == LIMITS.texts
    assert info["version"] == stance.__version__
    assert info["n_features"] == len(model.scorer.idf)
    assert info["zero_shot"] == []
    f_avg = info["scores"]["f_avg"]
    assert [f_avg["value"], f_avg["low"], f_avg["high"]] == list(model.info.scores["f_avg"])


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/predict", {"texts": "one"}, 422, r"body\.texts: .*list"),
        ("/predict", {"texts": [1]}, 422, r"body\.texts\.0: .*string"),
        ("/predict", {"texts": []}, 422, "at least 1 item"),
        ("/predict", {"texts": [""] * 6}, 422, "at most 5 items"),
        ("/predict", {"texts": ["x" * 2001]}, 422, "at most 2000 characters"),
        ("/predict", {"texts": [TEXT], "target": "shield"}, 422, r"body\.target: Extra"),
        ("/predict", {"texts": [TEXT], "targets": ["nato"]}, 422, "should be 'shield' or 'club'"),
        ("/predict", {"texts": [TEXT], "targets": ["club"] * 3}, 422, "at most 2 items"),
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
    client: httpx2.Client, path: str, body: object, status: int, message: str
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(path, content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert re.search(message, answer.json()["error"])
    assert len(answer.content) < 1000
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]


def test_a_long_body_is_refused_without_its_length_told(client: httpx2.Client) -> None:
    answer = client.post("/predict", content=(b" " * 1000 for _ in range(30)))
    assert (answer.status_code, answer.json()) == (413, {"error": "the body is too long; wanted at most 20,000 bytes"})


def test_a_slow_body_is_refused_and_its_connection_ends(client: httpx2.Client) -> None:
    address = (client.base_url.host, client.base_url.port or 0)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b'{"error":"the body did not come within 0.5 seconds"}')


def test_a_head_without_end_is_refused(client: httpx2.Client) -> None:
    address = (client.base_url.host, client.base_url.port or 0)
    with socket.create_connection(address, timeout=20) as connection, suppress(ConnectionError):
        connection.sendall(b"GET /info HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("head", [b"", b"GET /info HTTP/1.1\r\nX"], ids=["idle", "slow"])
def test_a_connection_without_a_whole_head_is_closed(model: Model, head: bytes) -> None:
    running = server(create_app(model))
    running.config.timeout_keep_alive = 1
    with serving(running) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 0), 0.3) as connection:
            connection.sendall(head)
            is_open, start = True, time.monotonic()
            while is_open and time.monotonic() - start < 10:
                try:
                    is_open = connection.recv(1) != b""
                except TimeoutError:
                    connection.sendall(b"x" if head else b"")  # a byte now and then does not keep it open
                except ConnectionError:
                    is_open = False
        assert not is_open
        assert client.get("/info").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:80", 200), ("LOCALHOST", 200), ("[::1]:80", 200), ("evil.example", 421), ("", 421)],
)
def test_only_its_own_names_are_answered(model: Model, host: str, status: int) -> None:
    local = TestClient(create_app(model, hosts=LOOPBACK))
    answer = local.get("/info", headers={"host": host})
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status != 200)


def test_more_requests_than_wait_are_told_to_come_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    working, finish = threading.Event(), threading.Event()
    slow = Model(model.scorer, model.info)
    app = create_app(slow, limits=Limits(waiting=1))

    def wait(texts: object) -> Any:
        working.set()
        finish.wait(10)
        return model.predict_proba([TEXT])

    monkeypatch.setattr(slow, "predict_proba", wait)
    with TestClient(app) as client:
        first = threading.Thread(target=lambda: client.post("/predict", json={"texts": [TEXT]}))
        first.start()
        assert working.wait(10)
        refused = client.get("/info")
        finish.set()
        first.join()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "try again" in refused.json()["error"]
        assert client.get("/info").status_code == 200


def test_a_failure_is_an_error_too(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Model(model.scorer, model.info)
    client = TestClient(create_app(broken), raise_server_exceptions=False)
    monkeypatch.setattr(broken, "predict_proba", None)
    answer = client.post("/predict", json={"texts": [TEXT]})
    assert (answer.status_code, answer.json()) == (500, {"error": "the service failed; its terminal says why"})


@pytest.mark.parametrize("path", ["/", "/docs", "/page.css", "/page.js", "/info", "/nowhere"])
def test_every_answer_has_the_headers(client: httpx2.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.headers.items() >= HEADERS.items()
    assert "server" not in answer.headers


def test_pages_take_nothing_from_elsewhere_and_have_the_labels_colours(client: httpx2.Client) -> None:
    pages = {path: client.get(path).text for path in ("/", "/docs", "/page.css", "/page.js")}
    for text in pages.values():
        assert not [url for url in re.findall(r"(?:https?:)?//[\w.:]+", text) if url != str(client.base_url)]
        assert not re.search(r"@import|url\(|innerHTML|<script>|\son\w+=|\sstyle=", text)
    assert all(f"--{label}: {color};" in pages["/page.css"] for label, color in COLORS.items())
    assert all(f"POST /{name}" in pages["/docs"] for name in ("predict", "explain", "read"))
    assert "condemn" in pages["/docs"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_serve_listens_on_loopback_and_stops_when_interrupted_at_work(tiny_run: Path) -> None:
    command = [sys.executable, "-m", "stance", "serve", "--port", "0", "--model", str(tiny_run)]
    with (
        ExitStack() as connections,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heeding_interrupts
        ) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        assert url.startswith("http://127.0.0.1:")
        assert httpx2.get(f"{url}info").json()["name"] == "tiny"
        assert httpx2.get(f"{url}info", headers={"host": "evil.example"}).status_code == 421
        article = json.dumps({"text": "Georgia " * 12_500}).encode()
        for body in (b"{", article, article):
            address = ("127.0.0.1", httpx2.URL(url).port or 0)
            connection = connections.enter_context(socket.create_connection(address))
            head = f"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {max(20, len(body))}\r\n"
            connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert errors == ""
    assert process.returncode == 130


def test_a_port_that_is_taken_is_said(cli: RunCli, tiny_run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("serve", "--port", str(taken.getsockname()[1]), "--model", tiny_run)
    assert done.returncode == 1
    assert "wanted an address of this machine (--host) and a free port (--port N, or 0 for any)" in done.stderr


def test_without_the_extra_it_says_how_to_get_it(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "stance.app.service")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = cli("serve")
    assert done.returncode == 1
    assert done.stderr == "error: stance serve needs uvicorn: pip install 'stance-detect[serve]'\n"
