"""The scripts of the recipes as modules: recipes are folders of scripts, not a package."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

RECIPES = Path(__file__).parents[1] / "recipes"


@contextmanager
def scripts(folder: str) -> Iterator[Callable[[str], ModuleType]]:
    """Loads scripts of a recipe that import each other by bare names; those are forgotten again."""
    before, names = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(RECIPES / folder))
    try:
        yield importlib.import_module
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - names:
            if str(RECIPES) in str(getattr(sys.modules[name], "__file__", None)):
                del sys.modules[name]


def recipe(folder: str, name: str) -> ModuleType:
    """A script of a recipe, loaded anew."""
    with scripts(folder) as script:
        return script(name)
