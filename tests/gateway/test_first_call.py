"""The first call of a configured model imports nothing of ours: whatever interrupts it finds every module whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import sys, warnings
from tensorzero import TensorZeroGateway
warnings.simplefilter("ignore")
client = TensorZeroGateway.build_embedded(config_file=sys.argv[1])
before = set(sys.modules)
stream = sys.argv[2] == "stream"
answer = client.inference(model_name="m", input={"messages": [{"role": "user", "content": "hi"}]}, stream=stream)
if stream:
    list(answer)
print(sorted(name for name in set(sys.modules) - before if name.startswith("tensorzero")))
client.close()
"""
TOML = """
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "{type}"
model_name = "{model}"
{settings}
"""


@pytest.mark.parametrize("how", ["whole", "stream"])
@pytest.mark.parametrize("kind", ["openai", "dummy"])
def test_a_first_call_imports_nothing_of_ours(mock_provider: Any, tmp_path: Path, kind: str, how: str) -> None:
    settings = f'api_base = "{mock_provider.url}"\napi_key_location = "none"' if kind == "openai" else ""
    path = tmp_path / "tensorzero.toml"
    path.write_text(TOML.format(type=kind, model="good", settings=settings))
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path), how], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
