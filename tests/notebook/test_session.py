"""The session with a real embedded gateway on chdb, and the magics in a real shell."""

from __future__ import annotations

import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from tensorzero.gateway.providers.dummy import Scripted, script
from tensorzero.types import BaseTensorZeroError
from tensorzero_notebook import client, current_session, inferences, unload_ipython_extension
from tensorzero_notebook.display import response_text
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.extension import greeting
from tensorzero_notebook.frames import NoRows
from tensorzero_notebook.prompt_cell import PromptOptions
from tensorzero_notebook.session import Session, set_session, start_session
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.run import AnswerRun
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

GOOD = "Wally, the golden retriever, wagged his tail excitedly as he devoured a slice of cheese pizza."
KEY = "sk-made-up-0123456789"
CONFIG = """
[functions.haiku]
type = "chat"

[functions.haiku.variants.plain]
type = "chat_completion"
model = "dummy::good"

[metrics.liked]
type = "boolean"
optimize = "max"
level = "episode"
"""

Run = Callable[[str], str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared_database: Callable[..., str]) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    prepared_database(".tensorzero/db")
    yield tmp_path
    try:
        session = current_session()
    except UserError:
        return
    session.close()
    set_session(None)


@pytest.fixture
def shell(folder: Path) -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(colors="nocolor")
    made.history_manager.enabled = False
    yield made
    unload_ipython_extension(made)
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a cell; what it printed, standard error too."""

    def run_cell(text: str) -> str:
        shell.run_cell(text)
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run_cell


@pytest.fixture
def loaded(run: Run) -> Run:
    run("%load_ext tensorzero_notebook")
    return run


def sent() -> str:
    """The words of the last prompt."""
    return inferences(columns="input_text")["input_text"].iloc[0]


def test_loading_says_in_one_line_what_it_did(run: Run, folder: Path) -> None:
    said = run("%load_ext tensorzero_notebook")
    assert said == (
        "tensorzero: embedded gateway; configuration: no tensorzero.toml (metrics thumbs_up and rating); "
        "database: .tensorzero/db\n"
    )
    assert stat.S_IMODE((folder / ".tensorzero").stat().st_mode) == 0o700
    assert [(m.name, m.type) for m in current_session().metrics()] == [("thumbs_up", "boolean"), ("rating", "float")]


def test_a_cell_is_a_prompt_whose_response_is_a_python_object(loaded: Run, shell: InteractiveShell) -> None:
    loaded("topic = 'the sea'")
    said = loaded('%%tensorzero --model dummy::good --tag who=me --out answer\nTell me of {topic}, as {"json": {nobody}}')
    assert said == f"tensorzero: filled in {{topic}} (7 characters); left as written {{nobody}}\n{GOOD}\n"
    answer = shell.user_ns["answer"]
    assert answer is shell.user_ns["_tz"]
    assert answer.content[0].text == GOOD
    client().feedback(metric_name="thumbs_up", inference_id=answer.inference_id, value=True)
    row = inferences().iloc[0]
    assert row["inference_id"] == str(answer.inference_id)
    assert row["input_text"] == 'Tell me of the sea, as {"json": {nobody}}'
    assert (row["tag.who"], row["feedback.thumbs_up"]) == ("me", True)


@pytest.mark.parametrize(
    "cell", ["V_{Out}/V_{In}", "{_} {__} {_1} {_i} {_i1} {_oh} {_dh} {_tz}", "awk '{exit} {quit} {get_ipython}'"]
)
def test_names_of_ipython_stay_as_written(loaded: Run, cell: str) -> None:
    loaded("'a secret of the notebook'")
    loaded("%%tensorzero --model dummy::good\nfirst")
    loaded(f"%%tensorzero --model dummy::good\n{cell}")
    assert sent() == cell


def test_the_first_line_of_a_cell_runs_nothing_either(loaded: Run, shell: InteractiveShell) -> None:
    loaded("ran = []")
    loaded("%%tensorzero --model dummy::good --system '{ran.append(1)} {Out} $ran'\nhello")
    assert '"{ran.append(1)} {Out} $ran"' in inferences()["input"].iloc[0]
    loaded("%%tensorzero_variant {ran.append(1)} v --model dummy::good\nhello")
    loaded("%tensorzero use model={ran.append(1)}")
    assert shell.user_ns["ran"] == []


def test_a_misspelt_name_is_asked_about_before_anything_is_sent(loaded: Run, shell: InteractiveShell) -> None:
    loaded("topic = 'the sea'")
    said = loaded("%%tensorzero --model dummy::good\nTell me of {topc}")
    assert said.splitlines() == [
        "Error: There is no name topc for {topc}.",
        "Did you mean {topic}? {{topc}} sends {topc}; --no-fill sends the whole cell as it is.",
    ]
    assert "_tz" not in shell.user_ns
    loaded("%%tensorzero --model dummy::good\n{{topc}} {{topic}}")
    assert sent() == "{topc} {topic}"
    assert loaded("%%tensorzero --model dummy::good --no-fill\n{topc} {{topic}} {topic}") == GOOD + "\n"
    assert sent() == "{topc} {{topic}} {topic}"


def test_what_the_user_defines_is_theirs_whatever_its_name(loaded: Run) -> None:
    loaded("if True: exit = 'the way out'")
    loaded("%%tensorzero --model dummy::good\n{exit}")
    assert sent() == "the way out"


def test_a_key_is_never_filled_in(loaded: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    loaded("import os; key = os.environ['OPENAI_API_KEY']")
    said = loaded("%%tensorzero --model dummy::good\nUse {key}")
    assert "{key} is not filled in: it holds the value of OPENAI_API_KEY." in said
    assert KEY not in said


def test_an_answer_can_be_filled_into_the_next_prompt(loaded: Run) -> None:
    loaded("%%tensorzero --model dummy::good --out answer\nhello")
    loaded("%%tensorzero --model dummy::good\nShorter: {answer.content[0].text} ({answer.usage.output_tokens})")
    assert sent() == f"Shorter: {GOOD} (16)"


def test_a_conversation_goes_on_in_its_episode(loaded: Run) -> None:
    loaded("%%tensorzero --model dummy::good --system 'be nice'\nfirst")
    loaded("%%tensorzero --model dummy::good --continue\nsecond")
    frame = inferences()
    assert frame["episode_id"].nunique() == 1
    stored = frame["input"].iloc[0]
    assert stored.index("be nice") < stored.index("first") < stored.index("Wally") < stored.index("second")


def test_expected_errors_are_one_message_and_others_keep_their_stack(loaded: Run) -> None:
    assert loaded("%%tensorzero\nhello").splitlines()[0] == "Error: Which function or model?"
    refused = loaded("%%tensorzero --model dummy::error\nhello")
    assert refused.startswith("TensorZeroError: All variants failed")
    assert "Traceback" not in refused
    assert "Traceback (most recent call last)" in loaded("1/0")
    assert "Traceback" not in loaded(
        "from tensorzero_notebook import client\nclient().inference(model_name='dummy::error', input={'messages': []})"
    )


BROKEN = CONFIG.replace("optimize", "optimise")


def test_magics_wait_for_a_configuration_that_has_mistakes_to_be_mended(run: Run, folder: Path) -> None:
    file = folder / "tensorzero.toml"
    file.write_text(BROKEN)
    said = run("%load_ext tensorzero_notebook")
    assert "metrics.liked.optimise: unknown field" in said
    assert "(tensorzero.toml:" in said
    assert said.splitlines()[-1] == "Once that is mended, %tensorzero and %%tensorzero work."
    for cell in (
        "%tensorzero status",
        "%%tensorzero --model dummy::good\nhello",
        "from tensorzero_notebook import compose; compose()",
    ):
        said = run(cell)
        assert "optimise" in said
        assert "Traceback" not in said
    assert "asks for a key unseen" in run("%tensorzero help")
    file.write_text(CONFIG)
    said = run("%%tensorzero --function haiku\nhello")
    assert said.splitlines() == [
        "tensorzero: embedded gateway; configuration: tensorzero.toml; database: .tensorzero/db",
        GOOD,
    ]
    assert len(inferences()) == 1


def test_loading_again_with_a_mistake_leaves_magics_that_say_so(run: Run, folder: Path) -> None:
    run("%load_ext tensorzero_notebook")
    (folder / "tensorzero.toml").write_text(BROKEN)
    assert "optimise" in run("%reload_ext tensorzero_notebook")
    assert "optimise" in run("%tensorzero functions")


@pytest.mark.parametrize(
    ("cell", "near"),
    [
        ("%tensorzero stauts", "Did you mean %tensorzero status?"),
        ("%tensorzero use functoin=haiku", "Did you mean function?"),
        ("%tensorzero use haikoo", "Did you mean haiku?"),
        ("%tensorzero key opnai", "Did you mean openai?"),
        ("%tensorzero variants haikoo", "Did you mean haiku?"),
        ("%%tensorzero --modle dummy::good\nhi", "Did you mean --model?"),
        ("%%tensorzero --model dummy::good what is this\nhi", "The prompt goes on the lines below the first."),
        ("%%tensorzero --function haikoo\nhi", "Did you mean haiku?"),
        ("%%tensorzero --function haiku --variant plan\nhi", "Did you mean plain?"),
        ("%%tensorzero --model dumy::good\nhi", "Or use a shorthand such as `dummy::good`."),
        ("%%tensorzero --model dummy::good --episode last\nhi", "An episode's id is a UUID"),
        ("%%tensorzero --model openai::gpt-4o-mini\nhi", "In a notebook, `%tensorzero key openai` asks for it unseen."),
        ("%%tensorzero_variant haiku warm --temprature 1\nhi", "Did you mean --temperature?"),
        ("from tensorzero_notebook import compose; compose(function='haikoo')", "Did you mean haiku?"),
        ("from tensorzero_notebook import compose; compose(model='dummy::good', variant='plain')", "A variant belongs to"),
        ("%tensorzero status now", "%tensorzero status stands alone: what is now?"),
    ],
)
def test_what_is_wrong_is_said_with_the_next_step(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, cell: str, near: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (folder / "tensorzero.toml").write_text(CONFIG)
    run("%load_ext tensorzero_notebook")
    said = run(cell)
    assert near in said
    assert "Traceback" not in said


def test_a_frame_without_rows_doubts_a_function_that_is_not_there(run: Run, folder: Path) -> None:
    (folder / "tensorzero.toml").write_text(CONFIG)
    run("%load_ext tensorzero_notebook")
    with pytest.warns(NoRows, match="no function haikoo. Did you mean haiku?"):
        assert inferences("haikoo").empty
    assert inferences("haiku").empty


def test_use_changes_what_is_asked_and_checks_it(loaded: Run, folder: Path) -> None:
    loaded("%tensorzero use model=dummy::good")
    assert loaded("%%tensorzero\nhello") == GOOD + "\n"
    assert "There is no function nowhere" in loaded("%tensorzero use function=nowhere")
    assert current_session().defaults.model == "dummy::good"


def test_the_listings_name_what_there_is(loaded: Run, folder: Path) -> None:
    assert "thumbs_up  boolean, inference, max" in loaded("%tensorzero metrics")
    assert str(folder) in loaded("%tensorzero status")
    assert "dummy::good" in loaded("%tensorzero models")
    assert "no such command" in loaded("%tensorzero nope")


def test_a_changed_configuration_is_loaded_at_the_next_run(run: Run, folder: Path) -> None:
    file = folder / "tensorzero.toml"
    file.write_text(CONFIG)
    run("%load_ext tensorzero_notebook")
    same = client()
    file.write_text(CONFIG + '\n[functions.haiku.variants.warm]\ntype = "chat_completion"\nmodel = "dummy::good"\n')
    assert run("pass") == "tensorzero: tensorzero.toml changed: loaded.\n"
    assert current_session().variants("haiku") == ["plain", "warm"]
    assert run("%%tensorzero --function haiku --variant warm\nhello") == GOOD + "\n"
    assert client() is same
    assert inferences()["variant_name"].tolist() == ["warm"]


def test_a_mistake_keeps_the_old_configuration_and_lists_every_one(run: Run, folder: Path) -> None:
    file = folder / "tensorzero.toml"
    file.write_text(CONFIG)
    run("%load_ext tensorzero_notebook")
    file.write_text(CONFIG.replace("optimize", "optimise").replace('model = "', 'modal = "'))
    said = run("pass")
    assert "tensorzero.toml changed, with mistakes; the configuration from before stays" in said
    assert "optimise" in said
    assert "modal" in said
    assert run("pass") == ""
    assert run("%%tensorzero --function haiku\nhello") == GOOD + "\n"
    file.write_text(CONFIG)
    assert run("pass") == "tensorzero: tensorzero.toml changed: loaded.\n"


def test_a_cell_makes_a_variant_and_leaves_the_users_file_alone(run: Run, folder: Path) -> None:
    (folder / "tensorzero.toml").write_text(CONFIG)
    run("%load_ext tensorzero_notebook")
    said = run("%%tensorzero_variant haiku terse --model dummy::good --temperature 0.2\nUse few words.")
    assert said == f"tensorzero: haiku has the variant terse, kept in {folder}/.tensorzero/variants/haiku.terse.toml\n"
    run("%%tensorzero_variant limerick first --model dummy::good\nRhyme.")
    assert run("%tensorzero functions").splitlines()[-2:] == ["haiku     plain, terse", "limerick  first"]
    assert run("%%tensorzero --function limerick\nhello") == GOOD + "\n"
    assert (folder / "tensorzero.toml").read_text() == CONFIG
    assert "haiku has a variant plain in its configuration" in run(
        "%%tensorzero_variant haiku plain --model dummy::good\nOther."
    )


def test_a_variant_with_a_mistake_leaves_nothing_behind(loaded: Run, folder: Path) -> None:
    assert "ConfigError" in loaded("%%tensorzero_variant f v --model nowhere\nx")
    assert not list((folder / ".tensorzero/variants").iterdir())
    assert "no functions" in loaded("%tensorzero functions")


def test_a_key_in_a_cell_is_warned_of_without_showing_it(loaded: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    said = loaded(f"key = '{KEY}'")
    assert "this cell contains the value of OPENAI_API_KEY" in said
    assert KEY not in said
    assert KEY not in loaded("%tensorzero status")


def test_a_key_is_asked_for_unseen(loaded: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setattr("tensorzero_notebook.keys.ask_key.__defaults__", (lambda prompt: KEY,))
    assert loaded("%tensorzero key openai") == "tensorzero: OPENAI_API_KEY is set for this kernel.\n"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%tensorzero st", "status"),
        ("%tensorzero use function=ha", "function=haiku"),
        ("%tensorzero key opena", "openai"),
        ("%%tensorzero --func", "--function"),
        ("%%tensorzero --no", "--no-fill"),
        ("%%tensorzero --function h", "haiku"),
        ("%%tensorzero --function haiku --variant p", "plain"),
        ("%%tensorzero --model dummy::g", "dummy::good"),
    ],
)
def test_tab_offers_our_names_and_nothing_else(
    run: Run, shell: InteractiveShell, folder: Path, line: str, offered: str
) -> None:
    (folder / "tensorzero.toml").write_text(CONFIG)
    run("%load_ext tensorzero_notebook")
    with provisionalcompleter():
        assert [completion.text for completion in shell.Completer.completions(line, len(line))] == [offered]


def test_tab_offers_python_in_a_prompts_text(loaded: Run, shell: InteractiveShell) -> None:
    loaded("topic = 'the sea'")
    cell = "%%tensorzero --model dummy::good\n{top"
    with provisionalcompleter():
        assert "topic" in [completion.text for completion in shell.Completer.completions(cell, len(cell))]


def test_use_says_what_prompts_ask(loaded: Run) -> None:
    assert loaded("%tensorzero use dummy::good") == "tensorzero: prompts ask model dummy::good\n"
    assert loaded("%tensorzero use model=none") == "tensorzero: prompts ask what their own line says\n"


def test_responses_show_as_escaped_html(loaded: Run, shell: InteractiveShell) -> None:
    loaded("%%tensorzero --model dummy::good\nhello")
    response = shell.user_ns["_tz"]
    response.content[0].text = "<script>alert(1)</script>"
    bundle, _ = shell.display_formatter.format(response)
    assert "&lt;script&gt;" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert bundle["text/plain"].startswith("ChatInferenceResponse(")


ENDLESS = Scripted(tuple(f"word{n} " for n in range(2000)), pause_s=0.02)


def begun_run(session: Session, model: str) -> tuple[AnswerView, AnswerRun]:
    """A run that is asking `model` now."""
    request = session.request(PromptOptions(model=model), "hello")
    answer = session.answer_view(request)
    run = session.run_of(request, answer)
    run.start()
    return answer, run


def interrupt() -> None:
    """What a kernel's interrupt does."""
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_keeps_and_stores_what_came(folder: Path, interruptible: None) -> None:
    session = start_session()
    with script("endless", ENDLESS):
        answer, run = begun_run(session, "dummy::endless")
        response = run.wait(lambda: interrupt() if answer.length and not run.stopping else None)
    assert answer.state == "stopped"
    partial = response.content[0].text
    assert 0 < len(partial) < len("".join(ENDLESS.deltas))
    assert session.namespace["_tz"] is response
    row = inferences(tags={"stopped": "true"}).iloc[0]
    assert row["inference_id"] == str(response.inference_id)
    assert row["output_text"] == partial
    assert "tokens" not in response_text(response)  # nobody counted them
    session.client.feedback(metric_name="thumbs_up", inference_id=response.inference_id, value=False)


def test_a_stop_ends_the_wait_for_a_model_that_says_nothing(folder: Path) -> None:
    session = start_session()
    with script("silent", Scripted(("late",), pause_s=60)):
        answer, run = begun_run(session, "dummy::silent")
        assert run.wait(run.stop) is None
    assert answer.state == "stopped"
    assert "_tz" not in session.namespace


def test_what_failed_is_not_the_last_response(folder: Path) -> None:
    session = start_session()
    answer, run = begun_run(session, "dummy::err_in_stream")
    with pytest.raises(BaseTensorZeroError):
        run.wait()
    assert answer.state == "failed"
    assert answer.text == "Wally, the golden"
    assert "_tz" not in session.namespace


def test_without_a_session_the_next_step_is_named(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        inferences()
    assert caught.value.hint == "%load_ext tensorzero_notebook"


def test_the_package_loads_neither_pandas_nor_a_gateway() -> None:
    import subprocess
    import sys

    code = (
        "import sys, tensorzero_notebook; print([m for m in ('pandas', 'IPython', 'chdb', 'tensorzero') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=300)
    assert done.stdout == "[]\n"


def test_a_session_says_what_to_add_without_metrics(folder: Path) -> None:
    (folder / "tensorzero.toml").write_text("")
    assert "[metrics.thumbs_up]" in start_session().metric_help()


def test_a_session_of_any_client_has_defaults() -> None:
    session: Any = Session(object())
    session.use({"model": "m"})
    session.use({"function": "f", "variant": "v"})
    assert (session.defaults.model, session.defaults.function, session.defaults.variant) == (None, "f", "v")
    session.use({"function": "g"})
    assert session.defaults.variant is None


def test_public_functions_fail_in_one_message_where_the_extension_is_not_loaded(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    (folder / "tensorzero.toml").write_text("[functions.haiku]\ntype = 'char'\n")
    for call in (
        "client()",
        "compose()",
        "inferences()",
        "variant_versions()",
        "local_model('/no/such.gguf')",
        "start_session()",
    ):
        shell.run_cell(f"from tensorzero_notebook import *\n{call}")
        told = capsys.readouterr().out
        assert "Traceback" not in told, call
        assert "Error" in told, call
        assert len(told.strip().splitlines()) <= 4, call
    InteractiveShell.clear_instance()


def test_a_configuration_without_thumbs_in_place_of_the_notebooks_own_says_so_at_the_start(folder: Path) -> None:
    start_session().close()
    (folder / "tensorzero.toml").write_text("[functions.haiku]\ntype = 'chat'\n[functions.haiku.variants]\n")
    told = greeting(start_session())
    assert "tensorzero.toml is used in place of the notebook's own configuration." in told
    assert "[metrics.thumbs_up]" in told
    (folder / "tensorzero.toml").write_text(CONFIG.replace("liked", "rating"))
    assert "\n" not in greeting(start_session())


def test_a_notebook_that_changes_its_directory_keeps_its_folder(run: Run, folder: Path) -> None:
    run("%load_ext tensorzero_notebook")
    (folder / "other").mkdir()
    run("%cd other")
    run("%%tensorzero --model dummy::good\nhi")
    assert "rows: 1" in run("from tensorzero_notebook import inferences\nprint('rows:', len(inferences()))")
    run("%%tensorzero_variant haiku warm --model dummy::good\nA haiku.")
    assert not (folder / "other" / ".tensorzero").exists()
    assert (folder / ".tensorzero" / "db").is_dir()
