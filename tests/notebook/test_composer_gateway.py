"""The composer over a real embedded gateway, in a process of its own: chdb takes one directory a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys, threading, warnings
from tensorzero import TensorZeroGateway
from tensorzero_notebook.views.composer import Composed, ComposerView, Turn
from tensorzero_notebook.views.metrics import Metric

class Session:
    client = TensorZeroGateway.build_embedded(config_file="tensorzero.toml", clickhouse_url="chdb://./db")
    remembered = []
    metrics = lambda self: [Metric("thumbs_up", "boolean"), Metric("solved", "boolean", level="episode")]
    function_choices = lambda self: []
    models = lambda self: ["stall", "drip"]
    reload = lambda self: None
    def remember(self, response): self.remembered.append(response)

def run(model, stop_at):
    view = ComposerView(Session())
    heard, ended = threading.Event(), threading.Event()
    answer = view.run(Composed(model_name=model, turns=(Turn("user", "hello"),)))
    def changed(event):
        if stop_at and answer.length >= stop_at: heard.set()
        if answer.ended: ended.set()
    answer.subscribe(changed)
    changed("state")
    if stop_at:
        assert heard.wait(60)
        view.stop()
    assert ended.wait(60), "did not end"
    judged = [answer.judge("thumbs_up", True), answer.judge("solved", False)]
    judged += [answer.comment("hm"), answer.demonstrate("better")]
    return {"id": answer.inference_id, "state": answer.state, "error": answer.error, "text": answer.text,
            "judged": [judgement.state for judgement in judged]}

results = [run("stall", 5), run("drip", 0)]
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.query import Query
Session.client.close()
database = Database.open("chdb://./db")
rows = database.query(Query("SELECT toString(id) AS id, tags, output FROM ChatInference", {}))
counts = {table: len(database.query(Query(f"SELECT id FROM {table}", {}))) for table in
          ("BooleanMetricFeedback", "CommentFeedback", "DemonstrationFeedback")}
print(json.dumps({"results": results, "rows": rows, "counts": counts}))
"""

CONFIG = """
[models.NAME]
routing = ["mock"]
[models.NAME.providers.mock]
type = "openai"
model_name = "MODEL"
api_base = "URL"
api_key_location = "none"
"""
METRICS = """
[metrics.thumbs_up]
type = "boolean"
level = "inference"
optimize = "max"
[metrics.solved]
type = "boolean"
level = "episode"
optimize = "max"
"""


def test_stopped_and_whole_answers_are_stored_and_judged(tmp_path: Path, mock_provider: Any) -> None:
    models = {"stall": "stall", "drip": "drip-5-10"}
    text = METRICS + "".join(
        CONFIG.replace("NAME", name).replace("MODEL", model).replace("URL", mock_provider.url) for name, model in models.items()
    )
    (tmp_path / "tensorzero.toml").write_text(text)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    stopped, whole = told["results"]
    assert (stopped["state"], whole["state"]) == ("stopped", "done"), told
    assert stopped["judged"] == whole["judged"] == ["stored"] * 4
    rows = {row["id"]: row for row in told["rows"]}
    assert rows[stopped["id"]]["tags"] == {"stopped": "true"}
    assert rows[whole["id"]]["tags"] == {}
    assert stopped["text"] in rows[stopped["id"]]["output"]
    assert told["counts"] == {"BooleanMetricFeedback": 4, "CommentFeedback": 2, "DemonstrationFeedback": 2}
