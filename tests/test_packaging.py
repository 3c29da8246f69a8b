"""What is installed: the wheel's contents, a fresh environment, the lightest import."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ["pandas", "pyarrow", "clickhouse_connect", "chdb", "pyreqwest", "pycurl", "httpx", "minijinja", "tensorzero.gateway"]


ASK_DUMMY = """
from tensorzero import TensorZeroGateway
client = TensorZeroGateway.build_embedded()
question = {"messages": [{"role": "user", "content": "hi"}]}
print(client.inference(model_name="dummy::good", input=question).usage.output_tokens)
"""


def run(*command: str, timeout_s: int = 600, folder: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("tensorzero-*.whl")
    return built


@pytest.mark.timeout(900)
def test_the_wheel_carries_everything_that_is_not_python(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for package in ("tensorzero", "tensorzero_notebook"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names
    assert {"tensorzero/py.typed", "tensorzero_notebook/py.typed", "tensorzero_notebook/default.toml"} <= names
    assert any(name.endswith(".js") for name in names)
    assert any(name.endswith(".css") for name in names)
    assert not {name.split("/")[0] for name in names} & {"tests", "tools", "notebooks"}


# What is said to be wrong shows that types are known: an ignore that is not needed is an error.
TYPED = """
from tensorzero import TensorZeroGateway
from tensorzero_notebook import Session, client, compose, episodes, feedback, inferences, local_model, start_session
from tensorzero_notebook.frames import FrameCut


def use() -> str:
    session: Session = start_session()
    gateway: TensorZeroGateway = client()
    name: str = local_model(threads=2)
    compose(model=name)
    for frame in (inferences("haiku", columns="inference_id"), feedback(metric={"a", "b"}), episodes(limit=1)):
        print(len(frame), FrameCut, session.using(), gateway)
    wrong: int = local_model()  # type: ignore[assignment]
    compose(model=wrong)  # type: ignore[arg-type]
    inferences(limit="ten")  # type: ignore[call-overload]
    return name
"""


@pytest.mark.timeout(900)
def test_both_packages_are_typed_for_who_installs_them(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv"))
    (packages,) = (tmp_path / "venv").glob("[Ll]ib/**/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    program = tmp_path / "program.py"
    program.write_text(TYPED)
    python = next(path for path in (tmp_path / "venv/bin/python", tmp_path / "venv/Scripts/python.exe") if path.exists())
    mypy = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "--python-executable", str(python))
    run(*mypy, str(program), folder=tmp_path)  # elsewhere it would read the sources beside it


@pytest.mark.timeout(1500)
def test_the_notebook_extra_installs_into_an_existing_environment(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", f"{ROOT}[notebook]", timeout_s=1200)
    program = (
        "from tensorzero import TensorZeroGateway\n"
        "import tensorzero_notebook\n"
        f"client = TensorZeroGateway.build_embedded(clickhouse_url='chdb://{tmp_path}/data')\n"
        "question = {'messages': [{'role': 'user', 'content': 'hi'}]}\n"
        "print(client.inference(model_name='dummy::good', input=question).usage.output_tokens)\n"
        "client.close()\n"
    )
    assert run(python, "-W", "ignore", "-c", program).strip() == "1"


def oldest_python() -> str:
    """The oldest supported interpreter on this machine: 3.10 where there is one, at worst the one that runs this."""
    for minor in range(10, sys.version_info.minor):
        installed = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        for candidate in filter(None, [shutil.which(f"python3.{minor}"), *map(str, installed)]):
            done = subprocess.run(
                [candidate, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True, check=False
            )
            if done.stdout.strip() == f"(3, {minor})":
                return candidate
    return sys.executable


@pytest.mark.timeout(1500)
def test_the_oldest_python_runs_the_client_with_the_base_packages_alone(tmp_path: Path) -> None:
    python = oldest_python()
    run(python, "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", str(ROOT), timeout_s=1200)
    assert run(python, "-W", "ignore", "-c", ASK_DUMMY).strip() == "1"


def test_importing_tensorzero_brings_in_nothing_heavy() -> None:
    program = f"import sys, tensorzero; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}").strip() == "[]"
