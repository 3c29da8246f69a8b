"""Functions with their first variant are added, removed and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tensorzero.command import CommandError, add_function, diff_functions, remove_function
from tensorzero.gateway.config.loading import load_config

ConfigDir = Callable[..., Path]
TOML = """# ours
[functions.draft]
type = "chat"
[functions.draft.variants.a]
type = "chat_completion"
model = "dummy::good"

# what we count
[metrics.ok]
type = "boolean"
level = "inference"
optimize = "max"
"""
SCHEMA = '{"type": "object", "properties": {"x": {"type": "string"}}}'


def test_a_function_comes_with_its_files_and_goes_with_them(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    change = add_function(
        "extract",
        type="json",
        model="dummy::json",
        variant="v",
        schemas={"output_schema": SCHEMA},
        function_settings={"description": "Finds x"},
        templates={"system_template": "Find x."},
        settings={"json_mode": "strict"},
        config=str(path),
    )
    change.write()
    function = load_config(str(path)).functions["extract"]
    assert (function.type, function.description, set(function.variants)) == ("json", "Finds x", {"v"})
    assert path.read_text().index("[functions.extract]") < path.read_text().index("# what we count")
    remove_function("extract", files=True, config=str(path)).write()
    assert path.read_text() == TOML
    assert [item.name for item in path.parent.iterdir()] == ["tensorzero.toml"]


def test_a_function_of_an_empty_file_is_its_first(config_dir: ConfigDir) -> None:
    path = config_dir("")
    add_function("f", model="dummy::good", config=str(path)).write()
    assert path.read_text().startswith('[functions.f]\ntype = "chat"\n\n[functions.f.variants.baseline]\n')


def test_a_function_over_several_files_leaves_all_of_them(config_dir: ConfigDir) -> None:
    more = '[functions.draft.variants.b]\ntype = "chat_completion"\nmodel = "dummy::good"\n'
    path = config_dir(TOML, {"more.toml": "# more\n\n" + more})
    glob = str(path.parent / "*.toml")
    remove_function("draft", config=glob).write()
    assert "draft" not in load_config(glob).functions
    assert (path.parent / "more.toml").read_text() == "# more\n"


def test_mistakes_write_nothing(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    with pytest.raises(CommandError, match="already"):
        add_function("draft", model="dummy::good", config=str(path))
    with pytest.raises(CommandError, match="tool `nothing`"):
        add_function("f", model="dummy::good", function_settings={"tools": ["nothing"]}, config=str(path))
    with pytest.raises(CommandError, match="no function named `nothing`"):
        remove_function("nothing", config=str(path))
    assert path.read_text() == TOML


def test_a_difference_of_functions_covers_their_variants(config_dir: ConfigDir) -> None:
    path = config_dir(
        TOML + '[functions.g]\ntype = "chat"\n[functions.g.variants.a]\ntype = "chat_completion"\nmodel = "dummy::json"\n'
    )
    shown = diff_functions("draft", "g", config=str(path))
    assert '-variants.a.model = "dummy::good"\n+variants.a.model = "dummy::json"\n' in shown
    assert diff_functions("g", "g", config=str(path)) == ""
