"""Read a TOML file into a model; what does not fit names the file, the key, and the nearest valid one."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigError, unknown_name

Model = TypeVar("Model", bound="Strict")


class Strict(BaseModel):
    """A piece of configuration: no unknown keys, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load_toml(path: Path, model: type[Model], **known: Any) -> Model:
    """Return `path` as a `model`; keys in `known` (the file's name, say) are added. Raise ConfigError otherwise."""
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
        for key in known.keys() & stated.keys():
            raise ConfigError(f"{path}: key {key!r} is not written in the file: it is {known[key]!r}. Remove it.")
        return model(**known, **stated)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: the file does not exist. `beforehand init` writes a commented one.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}.") from error
    except ValidationError as error:
        raise ConfigError(_in_words(path, model, error)) from error


def _in_words(path: Path, model: type[Strict], error: ValidationError) -> str:
    problem = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")  # a misspelt key is also missing
    *parents, key = [*problem["loc"]] or ["file"]
    where = ".".join(str(part) for part in (*parents, key) if not _is_tag(part))
    if problem["type"] == "extra_forbidden":
        known = sorted(_fields(model, parents))
        return unknown_name(path, "key", where, known) if "." not in where else _nested(path, where, str(key), known)
    if problem["type"] == "missing":
        return f"{path}: key {where!r} is missing. Add it; every key is explained in the README."
    return f"{path}: {where}: {problem['msg']}, got {problem['input']!r}."


def _nested(path: Path, where: str, key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{path}: key {where!r} does not exist.{hint} Known: {', '.join(known)}."


def _is_tag(part: object) -> bool:
    """Pydantic puts a union member's class name into the location; a reader of the file never wrote it."""
    return isinstance(part, str) and part[:1].isupper()


def _fields(model: type[BaseModel], parents: list[Any]) -> set[str]:
    """Return the keys valid at `parents`, walking lists, dicts and unions of models."""
    here: set[type[BaseModel]] = {model}
    for part in parents:
        if isinstance(part, int) or _is_tag(part):
            continue
        found = {m for each in here for name, f in each.model_fields.items() if part in (name, f.alias)
                 for m in _models(f.annotation)}
        here = found or here
    return {f.alias or name for each in here for name, f in each.model_fields.items()}


def _models(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    if get_origin(annotation) is not None or get_origin(annotation) is Union:
        return {m for inner in get_args(annotation) for m in _models(inner)}
    return set()
