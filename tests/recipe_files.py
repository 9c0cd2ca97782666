"""The scripts of the recipes as modules: recipes are folders of scripts, not a package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

RECIPES = Path(__file__).parents[1] / "recipes"


def recipe(folder: str, name: str) -> ModuleType:
    """A script of a recipe, loaded anew."""
    spec = importlib.util.spec_from_file_location(f"{folder}_{name}", RECIPES / folder / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
