from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import interviewer

PACKAGE = Path(interviewer.__file__).parent

# From the top down: an import may only go to a name further down, at module level or in a function.
LAYERS = (
    "cli",
    "interview",
    "terminal",
    "voice",
    "agent",
    "report",
    "policy",
    "evaluation",
    "rows",
    "grading",
    "index",
    "embedding",
    "llm",
    "bank",
    "history",
    "settings",
    "prompts",
    "types",
    "errors",
)
# The one home of each outside package.
HOMES = {
    "typer": {"cli"},
    "rich": {"terminal"},
    "prompt_toolkit": {"terminal"},
    "chromadb": {"index"},
    "onnxruntime": {"embedding"},
    "tokenizers": {"embedding"},
    "openai": {"llm", "embedding"},
    "langchain_openai": {"llm"},
    "langchain_core": {"llm", "grading"},
    "sqlite3": {"history", "index"},
    "yaml": {"bank", "grading"},
    "pydantic": {"bank", "grading", "llm"},
}
HEAVY = (
    "chromadb",
    "onnxruntime",
    "tokenizers",
    "numpy",
    "openai",
    "langchain_core",
    "langchain_openai",
    "langchain",
    "pydantic",
    "yaml",
    "prompt_toolkit",
)


def modules():
    return [pytest.param(path, id=str(path.relative_to(PACKAGE))) for path in PACKAGE.rglob("*.py")]


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[str]:
    """Return the full names of all that a file imports, wherever in it."""
    names: list[str] = []
    parts = ("interviewer", *path.relative_to(PACKAGE).with_suffix("").parts)
    package = parts if path.name == "__init__.py" else parts[:-1]
    package = tuple(part for part in package if part != "__init__")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *([node.module] if node.module else [])))
            names += [f"{stem}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", modules())
def test_imports_go_strictly_downward(path):
    here = unit(path)
    if here in ("__init__", "__main__"):
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "interviewer" and len(parts) > 1 and parts[1] in LAYERS:
            assert parts[1] == here or LAYERS.index(here) < LAYERS.index(parts[1]), (
                f"{here} imports {name}"
            )


def test_every_part_of_the_package_has_a_layer():
    assert {unit(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"} == set(LAYERS)


@pytest.mark.parametrize("path", modules())
def test_an_outside_package_is_imported_in_its_home_only(path):
    for name in imported(path):
        home = HOMES.get(name.split(".")[0])
        assert home is None or unit(path) in home, f"{unit(path)} imports {name}"


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import interviewer.cli", id="help"),
        pytest.param("import interviewer.interview", id="interview"),
        pytest.param("import interviewer.terminal.screen", id="screen"),
        pytest.param("import interviewer.grading.chain", id="grader chain"),
        pytest.param("import interviewer.bank", id="bank"),
    ],
)
def test_nothing_heavy_is_imported_on_the_way_to_the_first_question(code):
    assert not loaded_after(code) & set(HEAVY)


def test_no_file_of_the_program_holds_a_leftover():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("TODO", "FIXME", "NotImplemented" + "Error:"))
