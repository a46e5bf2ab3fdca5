"""Which files of a folder are part of the console: those with a ROUTER, by name; nothing else lists them."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules(package: ModuleType) -> list[ModuleType]:
    """Return the modules of `package` that hold a ROUTER, by name."""
    found = [import_module(f"{package.__name__}.{module.name}") for module in iter_modules(package.__path__)]
    return [module for module in found if hasattr(module, "ROUTER")]
