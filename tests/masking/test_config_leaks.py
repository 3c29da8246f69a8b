"""A key that was written into the configuration by mistake is not repeated by what complains about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from everything_shown import all_of, leaked, written_logs

from tensorzero import BaseTensorZeroError, TensorZeroGateway
from tensorzero.gateway.config.loading import load_config

KEY = "sk-Lit3ral-0123456789-abcdef"
PASSWORD = "s3cret-in-a-url"
TOML = """
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "openai"
model_name = "x"
"""


@pytest.mark.parametrize(
    "line",
    [
        f'api_key_location = "{KEY}"',
        f'api_key_location = "env:{KEY}"',
        f'api_key_location = "env::{KEY}"',
        f'api_key_location = "dynamic::{KEY}"',
        f'api_key_location = "path::{KEY}"',
        f'api_key_location = "path_from_env::{KEY}"',
        f'api_key_location = {{ default = "{KEY}", fallback = "none" }}',
        f'api_key_location = {{ default = "env::{KEY}", fallback = "env::{KEY}" }}',
        f'api_key_location = "{KEY}',
        f"api_key_location = {KEY}",
        f"api_key_location = ['{KEY}']",
        f'api_key = "{KEY}"',
        f'"{KEY}" = 1',
        f'type = "{KEY}"',
        f'extra_headers = [{{ name = "authorization", value = "Bearer {KEY} }}]',
        f'extra_headers = "{KEY}"',
        f'extra_headers = [{{ name = "authorization", value = "Bearer {KEY}\\n" }}]',
        f'timeouts = "{KEY}"',
        f'api_base = "{KEY}"',
        f'api_base = "http://alice:{PASSWORD}@127.0.0.1:99999/v1"',
        f'api_base = "ht!tp://alice:{PASSWORD}@"',
        f'api_base = "http://alice:{PASSWORD}@127.0.0.1:1/v1',
    ],
)
def test_no_error_shows_a_key_that_stands_in_the_wrong_place(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tensorzero.toml"
    path.write_text(f"{TOML}{line}\n", encoding="utf-8")

    def use() -> None:
        client = TensorZeroGateway.build_embedded(config_file=str(path))
        told = repr(load_config(str(path)))
        assert leaked(KEY, told) == leaked(PASSWORD, told) == []
        client.inference(model_name="m", input={"messages": [{"role": "user", "content": "x"}]})

    with written_logs() as logs, pytest.raises(BaseTensorZeroError) as caught:
        use()
    shown = all_of(caught.value) + "\n".join(logs)
    assert leaked(KEY, shown) == []
    assert leaked(PASSWORD, shown) == []


def test_a_key_in_place_of_a_variables_name_is_told_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tensorzero.toml"
    path.write_text(f'{TOML}api_key_location = "env::{KEY}"\n', encoding="utf-8")
    client = TensorZeroGateway.build_embedded(config_file=str(path))
    with pytest.raises(BaseTensorZeroError) as caught:
        client.inference(model_name="m", input={"messages": [{"role": "user", "content": "x"}]})
    assert "Environment variable `[key hidden]` is missing" in str(caught.value)
    assert "`env::` is followed by the name of an environment variable" in str(caught.value.hint)


def test_a_configuration_shows_none_of_its_headers_and_logins(tmp_path: Path) -> None:
    path = tmp_path / "tensorzero.toml"
    path.write_text(
        f'{TOML}api_base = "http://alice:{PASSWORD}@127.0.0.1:1/v1"\n'
        f'extra_headers = [{{ name = "x-thing", value = "{KEY}" }}]\n',
        encoding="utf-8",
    )
    config = load_config(str(path))
    told = repr(config) + repr(config.models) + repr(config.models["m"].providers["p"]) + repr(config.snapshot)
    assert "127.0.0.1" in told
    assert leaked(KEY, repr(config.models["m"].providers["p"])) == leaked(PASSWORD, told) == []
