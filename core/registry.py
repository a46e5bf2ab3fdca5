"""Find the one-file extensions of a package: one file, one constant, one name."""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from core.errors import ConfigError


def discover(package: ModuleType, constant: str) -> dict[str, Any]:
    """Map each module of `package` that defines `constant` to it; its `name` must be the file's name."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        item = getattr(import_module(module.name), constant, None)
        if item is None:
            continue
        stem = module.name.rpartition(".")[2]
        if item.name != stem:
            raise ConfigError(f"{module.name}: {constant}.name is {item.name!r}. It must be the file's name {stem!r}.")
        found[stem] = item
    return found
