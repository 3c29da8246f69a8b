"""The functions-and-tools notebook's source; `python tools/pair_notebooks.py` makes functions_and_tools.ipynb from it."""

# %% [markdown]
# # Functions and tools
#
# A function that answers in JSON, a tool call, and the best of three answers: from a real model on this machine, with no key
# and no network.

# %%
import json
from pathlib import Path

from tensorzero import TensorZeroGateway
from tensorzero_notebook import local_model

model = local_model()

# %% [markdown]
# ## The configuration
#
# Schemas are files beside `tensorzero.toml`. The lengths in them keep a small model short. The judge of `best` may only choose
# one of its three candidates: `extra_body` narrows the schema that the gateway sends.

# %%
text = {"type": "string", "maxLength": 20}
animal = {"animal": text, "legs": {"type": "integer", "minimum": 0, "maximum": 8}}
for name, properties in {"animal": animal, "weather": {"place": text}}.items():
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    Path(f"{name}.json").write_text(json.dumps(schema))

Path("tensorzero.toml").write_text("""
[functions.animal]
type = "json"
output_schema = "animal.json"
[functions.animal.variants.small]
type = "chat_completion"
model = "local::smollm2"
json_mode = "strict"
max_tokens = 80

[tools.weather]
description = "The weather of a place"
parameters = "weather.json"

[functions.weather]
type = "chat"
tools = ["weather"]
tool_choice = "required"
parallel_tool_calls = false
[functions.weather.variants.small]
type = "chat_completion"
model = "local::smollm2"
max_tokens = 120
temperature = 0.0

[functions.slogan]
type = "chat"
[functions.slogan.variants.draft]
type = "chat_completion"
model = "local::smollm2"
max_tokens = 24
weight = 0
[functions.slogan.variants.best]
type = "experimental_best_of_n_sampling"
candidates = ["draft", "draft", "draft"]
weight = 1
[functions.slogan.variants.best.evaluator]
model = "local::smollm2"
max_tokens = 200
temperature = 0.0
extra_body = [
  { pointer = "/response_format/json_schema/schema/properties/thinking", value = { type = "string", maxLength = 80 } },
  { pointer = "/response_format/json_schema/schema/properties/answer_choice", value = { enum = [0, 1, 2] } },
]
""")
t0 = TensorZeroGateway.build_embedded(config_file="tensorzero.toml", clickhouse_url="chdb://./.tensorzero/db")


def ask(function, question, *more):
    return t0.inference(function_name=function, input={"messages": [{"role": "user", "content": question}, *more]})


# %% [markdown]
# ## A JSON function
#
# `strict` makes the model keep to the schema; the gateway checks the answer against it. `parsed` would be `None` if it failed.

# %%
fact = ask("animal", "Name an animal and its number of legs.")
assert set(fact.output.parsed) == {"animal", "legs"}
fact.output.parsed

# %% [markdown]
# ## A tool call
#
# `tool_choice = "required"`. A model of this size would chat first, so the question ends with the beginning of its answer.

# %%
called = ask("weather", "What is the weather in Rome?", {"role": "assistant", "content": "<tool_call>\n"})
call = next(block for block in called.content if block.type == "tool_call")
assert call.name == "weather"
assert set(call.arguments) == {"place"}
call.name, call.arguments

# %% [markdown]
# ## The best of three
#
# Three drafts, written at the same time, and a judge: four model inferences, stored with the answer.

# %%
best = ask("slogan", "Write a slogan for a bakery.")
best.content[0].text

# %% [markdown]
# The judge's row says which draft it chose, and how the drafts were numbered; the answer is that draft.

# %%
from tensorzero.clickhouse.query import Query
from tensorzero.clients.embedded_transport import database_of

query = Query("SELECT * FROM ModelInference WHERE inference_id = {id:UUID}", {"id": str(best.inference_id)})
rows = database_of(t0).query(query)
judged = [row for row in rows if "answer_choice" in row["output"]]
drafts = [json.loads(row["output"]) for row in rows if "answer_choice" not in row["output"]]
assert (len(drafts), len(judged)) == (3, 1)
choice = json.loads(json.loads(judged[0]["output"])[0]["text"])["answer_choice"]
shown = json.loads(
    json.loads(judged[0]["input_messages"])[-1]["content"][0]["text"].split(f"\n{choice}: ")[1].split("\n------")[0]
)
assert shown[0]["text"] == best.content[0].text
assert shown in drafts
choice, shown[0]["text"]

# %% [markdown]
# ## Next
#
# `t0.close()` writes out what waits; the folder `.tensorzero/` keeps it all.

# %%
t0.close()
