"""The house stands as DESIGN §3 draws it: links, rooms without `__init__.py`, imports that point downwards."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.text.kernel_cache import MARK

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "curate"
LINKED = ("filters", "dedup", "tokenize", "train_min")
ROOMS = ("extract", "filters", "dedup", "decontaminate", "scrub", "tokenize", "train_min")

FLOORS = [
    ["version", "errors", "plugins", "model_file", "run_files", "toml_lines", "toml_text", "finite", "printable"],
    ["terminal_rich"],
    ["text", "typed", "recipe_dedup", "interrupts", "terminal"],
    ["batch", "recipe", "recipe_path", "settings"],
    ["recipe_file", "recipe_form", "recipe_edit", "own_code"],
    ["engine"],
    ["run_folder", "faults", "readers", "given"],
    [*ROOMS],
    ["steps"],
    ["pipeline"],
    ["standalone", "forecast", "ablation"],
    ["report"],
    ["browse"],
    ["api"],
    ["commands"],
    ["cli"],
    ["__main__", "__init__"],
]
"""A module may import from its own folder, and from the floors that stand above its own in this list."""

KERNELS = {"kernel", "part", "inner"}
"""The decorators of `curate.text.compiled`."""

TRAINER_MAY_USE = {
    f"curate.tokenize.{name}"
    for name in (
        "shards",
        "mix",
        "run_rows",
        "encode",
        "described_vocabulary",
        "trace",
        "arranged",
        "conversation",
        "templates",
    )
}


def modules() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if "quickstart" not in path.parts)


def home(parts: tuple[str, ...]) -> str:
    """The folder of a module, or its own name where it lies directly under curate/."""
    return Path(parts[0]).stem


def imports(path: Path) -> Iterator[str]:
    """Lazy ones, too, and functions that are named by a string: "curate.pipeline.mix:mix_run"."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "curate":
            yield from (f"curate.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("curate."):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("curate."))
        elif isinstance(node, ast.Constant) and re.fullmatch(r"curate(\.\w+)+:\w+", str(node.value)):
            yield node.value.partition(":")[0]


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in a checkout")
def test_the_root_shows_the_rooms_as_links() -> None:
    for room in LINKED:
        assert (ROOT / room).is_symlink(), room
        assert (ROOT / room).resolve() == (PACKAGE / room).resolve()


def test_a_linked_room_has_no_init_so_it_never_shadows_a_standard_module() -> None:
    for room in LINKED:
        assert not (PACKAGE / room / "__init__.py").exists(), room
    program = "import tokenize; print(hasattr(tokenize, 'generate_tokens'))"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True"


def test_imports_point_downwards_and_rooms_never_import_one_another() -> None:
    floors = {name: number for number, names in enumerate(FLOORS) for name in names}
    wrong = []
    for path in modules():
        here = home(path.relative_to(PACKAGE).parts)
        for name in imports(path):
            there = name.split(".")[1]
            is_trainers = here == "train_min" and name in TRAINER_MAY_USE
            if there != here and not is_trainers and floors[there] >= floors[here]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_no_module_imports_itself_over_others() -> None:
    waiting = {name_of(path): {*imports(path)} for path in modules()}
    while ready := [name for name, needed in waiting.items() if not needed & waiting.keys() - {name}]:
        for name in ready:
            del waiting[name]
    assert not waiting, "a circle lies among these"


def test_every_function_but_a_kernel_says_its_types() -> None:
    assert not [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in modules()
        for function in functions(path)
        if not is_kernel(function) and not is_annotated(function)
    ]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(decorator, ast.Name) and decorator.id in KERNELS for decorator in function.decorator_list)


def is_annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = function.args
    arguments = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    unsaid = [argument.arg for argument in arguments if argument and not argument.annotation]
    return function.returns is not None and unsaid in ([], ["self"], ["cls"])


def test_annotations_are_missed_where_they_are_missing() -> None:
    def answer(source: str) -> bool:
        (function,) = ast.parse(source).body
        assert isinstance(function, ast.FunctionDef)
        return is_kernel(function) or is_annotated(function)

    assert answer("def f(self, a: int, *, b: int = 1) -> int: ...")
    assert answer("@inner\ndef f(a, b): ...")
    assert not answer("@cache\ndef f(a, b: int) -> int: ...")
    assert not answer("def f(a: int): ...")
    assert not answer("def f(*rest, **more: int) -> int: ...")


def test_kernels_are_made_of_files_that_their_cache_looks_at() -> None:
    """A constant from another file would be compiled into a kernel, and stay there when that file has changed."""
    sources = {name_of(path): path for path in modules() if MARK in path.read_bytes()}
    assert len(sources) > 30
    wrong = []
    for name, path in sources.items():
        origins = origins_of_names(path)
        for function in filter(is_kernel, functions(path)):
            used = {node.id for line in function.body for node in ast.walk(line) if isinstance(node, ast.Name)}
            wrong += [f"{name}.{function.name} uses {word}" for word in used if origins.get(word, name) not in sources]
    assert not wrong


def test_no_kernel_calls_another_of_which_only_machine_code_is_kept() -> None:
    """What two kernels do alike is a part or an inner function (`_KernelFiles.reduce`)."""
    kinds = {
        (name_of(path), function.name): decorator.id
        for path in modules()
        for function in functions(path)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Name) and decorator.id in KERNELS
    }
    assert sum(kind == "kernel" for kind in kinds.values()) > 50
    wrong = []
    for path in modules():
        origins = origins_of_names(path)
        for function in filter(is_kernel, functions(path)):
            called = set(called_names(function))
            wrong += [
                f"{name_of(path)}.{function.name} calls {word}"
                for word in called
                if kinds.get((origins.get(word, name_of(path)), word)) == "kernel"
            ]
    assert not wrong


def called_names(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def origins_of_names(path: Path) -> dict[str, str]:
    """From which of our modules each name was imported."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("curate.")
        for alias in node.names
    }


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_each_path_below_a_run_is_spelled_in_one_file() -> None:
    names = [
        "plan.json",
        "splits.jsonl",
        "splits.ends",
        "recipe.toml",
        "manifest.json",
        "timing.json",
        "tokenizer.json",
        ".lock",
    ]
    below = re.compile(r"(work|done|ledger|documents|dedup|tokens)/")
    wrong = []
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        spelled = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str}
        said = {node.value.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and is_constant(node.value)}
        if path.name != "run_files.py":
            wrong += [f"{path.name}: {text}" for text in spelled - said if text in names or below.match(text)]
    assert not wrong


def is_constant(node: ast.expr) -> bool:
    """What stands alone is a docstring."""
    return isinstance(node, ast.Constant)


def test_no_name_is_that_of_two_classes() -> None:
    found: dict[str, list[str]] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path.name)
    assert not {name: files for name, files in found.items() if len(files) > 1}


def test_importing_curate_loads_nothing_heavy() -> None:
    program = "import sys, curate, curate.cli; print(*sorted(set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert not loaded & {"torch", "trafilatura", "presidio_analyzer", "spacy", "ray", "numba", "polars", "fasttext"}


def test_what_a_report_says_is_computed_apart_from_how_a_terminal_shows_it() -> None:
    values = (path for path in modules() if path.parent == PACKAGE / "report")
    drawn = re.compile(r"^ *(from|import) (rich|curate\.terminal|curate\.report\.terminal|argparse)\b", re.MULTILINE)
    assert not [path.name for path in values if drawn.search(path.read_text(encoding="utf-8"))]


def test_names_say_something() -> None:
    nothing = {"utils", "util", "common", "base", "core", "helpers", "helper", "misc"}
    assert not [path for path in PACKAGE.rglob("*") if path.stem in nothing]


def test_every_module_opens_by_saying_what_it_is() -> None:
    assert not [path for path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
