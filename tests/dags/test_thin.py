"""A DAG file is wiring. This test reads the files, so it runs without Airflow."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

OURS = {"core", "ledger", "feature_store", "detectors", "outreach", "loyalty", "console"}
LOGIC = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Lambda, ast.ListComp)
FILES = sorted(path for path in Path("dags").glob("[!_]*.py") if path.stem != "plugin")


def tasks(tree):
    return [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name != tree.body[-1].value.func.id]


WANTED = [
    pytest.param(node.module, alias.name, id=f"{path.stem}: {node.module}.{alias.name}")
    for path in FILES
    for task in tasks(ast.parse(path.read_text()))
    for node in task.body if isinstance(node, ast.ImportFrom)
    for alias in node.names
]  # fmt: skip


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def tree(request):
    return ast.parse(request.param.read_text())


def test_it_explains_when_it_runs_what_to_do_on_failure_and_that_it_can_be_run_again(tree):
    text = ast.get_docstring(tree)
    assert all(word in text for word in ("When:", "On failure:", "Safe to run again"))


def test_it_imports_our_code_only_inside_tasks(tree):
    top = {n.module.split(".")[0] for n in tree.body if isinstance(n, ast.ImportFrom)}
    assert not top & OURS


def test_a_task_is_one_import_and_one_call(tree):
    for task in tasks(tree):
        assert [type(s) for s in task.body] == [ast.ImportFrom, ast.Return], task.name


def test_it_holds_no_logic(tree):
    assert not [n for n in ast.walk(tree) if isinstance(n, LOGIC)]


@pytest.mark.parametrize(("module", "name"), WANTED)
def test_what_a_task_imports_exists(module, name):
    assert callable(getattr(import_module(module), name))
