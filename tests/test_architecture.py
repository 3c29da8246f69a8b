"""The shape of the package: who imports whom, where SQL may be, what importing it costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "tensorzero").rglob("*.py"), *(ROOT / "tensorzero_notebook").rglob("*.py")])

HEAVY = (
    "pandas",
    "pyarrow",
    "ipywidgets",
    "anywidget",
    "chdb",
    "clickhouse_connect",
    "httpx",
    "pyreqwest",
    "pycurl",
    "minijinja",
    "jsonschema_rs",
    "asyncio",
    "tensorzero.gateway",
    "tensorzero.clickhouse",
    "tensorzero.generated_types",
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every import of ours in a file, lazy ones included, but not those for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def offences(room: str, *forbidden: str) -> list[str]:
    return [
        f"{module_name(path)}:{line} imports {name}"
        for path in SOURCES
        if (module_name(path) + ".").startswith(f"{room}.")
        for name, line in imports(path)
        if any(name == other or name.startswith(f"{other}.") for other in forbidden)
    ]


LAYERS = (
    # what imports nothing of ours
    "ending", "masking", "settled", "parsing", "routes", "version", "omit_type", "util", "printing",
    # the way out, and what comes in
    "runtime", "inputs", "bodies", "types", "internal", "generated_types", "clickhouse",
    # the gateway, from what is configured to what is asked
    "gateway.errors", "gateway.bounded", "gateway.floats", "gateway.identifiers", "gateway.json_text",
    "gateway.request", "gateway.asking",
    "gateway.schemas", "gateway.templates", "gateway.config", "gateway.tool_settings", "gateway.values", "gateway.params",
    "gateway.files", "gateway.rate_limits", "gateway.call", "gateway.functions", "gateway.experimentation",
    "gateway.providers", "gateway.models", "gateway.recording", "gateway.gateway", "gateway.opening",
    "gateway.variants", "gateway.stored", "gateway.evaluations", "gateway.endpoints", "gateway.routes", "gateway",
    # who asks it
    "clients", "client", "tensorzero", "", "command", "notebook",
)  # fmt: skip
"""Every room, each above all that it may import. `""` is the package's own runtime."""


def room_of(name: str) -> str:
    """The room of a module: a folder or a file below `tensorzero`, and one step deeper in the gateway."""
    package, *parts = name.split(".")
    if package == "tensorzero_notebook":
        return "notebook"
    return ".".join(parts[: 2 if parts[:1] == ["gateway"] else 1])


MODULES = {module_name(path) for path in SOURCES}


def imported_modules(path: Path) -> Iterator[str]:
    """Modules of ours that a file names, for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in whole if {name, node.module} & MODULES)


GRAPH = {module_name(path): set(imported_modules(path)) - {module_name(path)} for path in SOURCES}


def test_every_room_has_its_place() -> None:
    assert {room_of(name) for name in MODULES} == set(LAYERS)


@pytest.mark.parametrize("room", LAYERS)
def test_a_room_imports_only_from_below(room: str) -> None:
    allowed = set(LAYERS[: LAYERS.index(room) + 1])
    found = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        if room_of(name) == room
        for other in others
        if room_of(other) not in allowed
    ]
    assert found == []


def test_no_modules_below_the_notebook_import_each_other_in_a_circle() -> None:
    """Not for type checkers either."""
    left = {name: set(others) for name, others in GRAPH.items() if room_of(name) != "notebook"}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert {name: sorted(others & left.keys()) for name, others in left.items()} == {}


def test_asyncio_is_imported_only_where_loops_are_dealt_with() -> None:
    allowed = (
        "tensorzero.runtime",
        "tensorzero.clients.async_",
        "tensorzero_notebook",
    )
    found = [offence for offence in offences("tensorzero", "asyncio") if not offence.startswith(allowed)]
    assert found == []


def test_sql_is_only_in_the_clickhouse_room() -> None:
    statement = re.compile(
        r"\b(SELECT\s.+?\sFROM\b|INSERT\s+INTO\b|CREATE\s+(TABLE|DATABASE|MATERIALIZED)\b|ALTER\s+TABLE\b)", re.S
    )
    strays = [
        f"{module_name(path)}: {node.value[:60]!r}"
        for path in SOURCES
        if not module_name(path).startswith("tensorzero.clickhouse")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.search(node.value)
    ]
    assert strays == []


def test_no_grab_bag_modules() -> None:
    forbidden = {"utils", "helpers", "helper", "common", "base", "manager", "misc"}
    assert [module_name(path) for path in SOURCES if path.stem in forbidden] == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, tensorzero\n"
        f"print([name for name in sys.modules if any(name == h or name.startswith(h + '.') for h in {HEAVY!r})])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_blocking_client_loads_no_gateway_until_one_is_built() -> None:
    program = (
        "import sys\nfrom tensorzero import TensorZeroGateway\n"
        "heavy = ('asyncio', 'httpx', 'tensorzero.gateway', 'tensorzero.clickhouse', 'pandas', 'minijinja')\n"
        "print([name for name in sys.modules if any(name == h or name.startswith(h + '.') for h in heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_locks_may_be_entered_again_by_a_signal_handler_on_the_same_thread() -> None:
    """A plain lock, or an Event that both a call and a handler set, would wait for the call that the handler interrupted."""
    found = [
        f"{module_name(path)}:{node.lineno}"
        for path in SOURCES
        if module_name(path) != "tensorzero.clickhouse.guard"  # its locks are signals: nobody holds one over a call
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("threading.Lock", "Lock", "_thread.allocate_lock")
    ]
    assert found == []
    waiting = [
        module_name(path)
        for path in (ROOT / "tensorzero" / "clickhouse").glob("*.py")
        if path.name not in ("engine.py", "holder_endpoint.py")  # within one call, or between threads of ours only
        if re.search(r"threading\.(Event|Condition)\(", path.read_text(encoding="utf-8"))
    ]
    assert waiting == []
