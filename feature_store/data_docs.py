"""Data Docs: pages on what the gate found in the last pull of each source, for people without this program."""

import json
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from upath import UPath

from core.errors import MissingError
from core.settings import Settings
from core.storage import write_whole

_ROW_BY_ROW = ("unexpected_list", "unexpected_index_list", "unexpected_index_query", "partial_unexpected_index_list")


def keep(settings: Settings, source: str, day: date, result: Any) -> None:
    """Keep what the last validation of one suite of a source found, without the single rows, for `build_docs`."""
    found = result.to_json_dict()
    for one in found["results"]:
        for name in _ROW_BY_ROW:
            one["result"].pop(name, None)
    content = json.dumps({"source": source, "day": day.isoformat(), "result": found})
    write_whole(settings.root / "validations" / f"{result.suite_name}.json", content.encode())


def build_docs(settings: Settings) -> str:
    """Build Data Docs below <root>/data_docs from the last validation of each source; return the path of index.html."""
    kept = sorted((settings.root / "validations").glob("*.json"))
    if not kept:
        raise MissingError(f"{settings.root}: nothing was validated yet. `beforehand pull` does.")
    with tempfile.TemporaryDirectory() as folder:
        context = _context(folder)
        for file in kept:
            _store(context, json.loads(file.read_text()))
        context.build_data_docs()
        _copy(Path(folder), settings.place("data_docs"))
    return str(settings.root / "data_docs" / "index.html")


def _context(folder: str) -> Any:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    for name in list(context.get_site_names()):
        context.delete_data_docs_site(name)
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": folder}
    context.add_data_docs_site("beforehand", {"class_name": "SiteBuilder", "store_backend": backend,
                                              "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"}})  # fmt: skip
    return context


def _store(context: Any, kept: dict[str, Any]) -> None:
    from great_expectations.core import expectationSuiteValidationResultSchema
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    day = datetime.combine(date.fromisoformat(kept["day"]), datetime.min.time(), UTC)
    result = expectationSuiteValidationResultSchema.load(kept["result"])
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=result.suite_name),
        run_id=RunIdentifier(run_name=kept["day"], run_time=day),
        batch_identifier=kept["source"],
    )
    context.validation_results_store.set(key=key, value=result)


def _copy(folder: Path, to: UPath) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            write_whole(to / str(file.relative_to(folder)), file.read_bytes())
