"""The description of the API is whole, and nothing that fits it, or does not, makes the console fail."""

import json
import re
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as limits
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from console.access import access_of, routes

GUIDE = Path(__file__).parents[3] / "docs" / "api.md"
TRIES = 15
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


@pytest.fixture
def described(caller):
    return caller.get("/api/openapi.json").json()


def operations(described):
    return {(method, path): operation for path, methods in described["paths"].items() for method, operation in methods.items()}


def test_every_route_of_the_api_is_described_and_nothing_else(caller, described):
    ours = {(method.lower(), route.path) for route in routes(caller.app) if (access_of(route) or "").startswith("scope:")
            for method in route.methods}  # fmt: skip
    assert set(operations(described)) == ours
    assert all(path.startswith("/api/v1/") for _, path in ours)


def test_every_operation_says_what_it_answers_and_how_it_refuses_with_examples(described):
    for name, operation in operations(described).items():
        assert all(operation[said] for said in ("summary", "description", "security")), name
        for status, answer in operation["responses"].items():
            shape = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert described["components"]["schemas"][shape].get("examples") or shape == "Flags", (name, status)
            assert (shape == "Problem") is (status >= "4"), (name, status, shape)


def test_the_guide_names_every_address_scope_and_status(described):
    text = GUIDE.read_text()
    for (method, path), operation in operations(described).items():
        assert f"{method.upper()} {re.sub(r'/{.*', '/', path)}" in text
        assert all(f"| {status} |" in text for status in operation["responses"] if status >= "4")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_asked_the_answer_is_one_of_those_described(caller, mode):
    tried = []
    for operation in schemathesis.openapi.from_asgi("/api/openapi.json", caller.app).get_all_operations():
        _ask(operation.ok(), mode, dict(caller.headers), tried)
    assert len(tried) >= 5 * TRIES // 2  # few operations have so few ways of asking


def _ask(operation, mode, headers, tried):
    @seed(1)
    @limits(max_examples=TRIES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        tried.append(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    ask()


def test_a_made_up_key_or_row_never_reaches_the_inbox_unread(caller):
    nasty = {"id": "\ud800", "customer_id": "c", "topic": "t", "occurred_at": "0001-01-01T00:00:00+14:00", "facts": {"a": float("inf")}}
    content = json.dumps({"contacts": [nasty]})
    answer = caller.post("/api/v1/contacts", content=content, headers={"Idempotency-Key": "k", "Content-Type": "application/json"})
    named = {fault["field"].split(".")[2] for fault in answer.json()["fields"]}
    assert (answer.status_code, named) == (422, {"id", "occurred_at", "facts"})
