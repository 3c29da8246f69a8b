"""The functions-and-tools notebook's source; `python tools/pair_notebooks.py` makes functions_and_tools.ipynb from it."""

# %% [markdown]
# # Functions and tools
#
# A function that answers in JSON, a tool call, and the best of three answers: from a real model on this machine, with no key
# and no network.

# %%
import json
import os
from pathlib import Path

from tensorzero_notebook import client, local_model, model_inferences

model = local_model()

# %% [markdown]
# ## The configuration
#
# It goes into a folder of its own, so that the other notebooks here stay as they are. Schemas are files beside
# `tensorzero.toml`. The lengths in them keep a small model short. The judge of `best` may only choose one of its three
# candidates: `extra_body` narrows the schema that the gateway sends.

# %%
folder = Path("functions_and_tools")
folder.mkdir(exist_ok=True)
text = {"type": "string", "maxLength": 20}
animal = {"animal": text, "legs": {"type": "integer", "minimum": 0, "maximum": 8}}
for name, properties in {"animal": animal, "weather": {"place": text}}.items():
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    (folder / f"{name}.json").write_text(json.dumps(schema))

(folder / "tensorzero.toml").write_text("""
[functions.animal]
type = "json"
output_schema = "animal.json"
[functions.animal.variants.small]
type = "chat_completion"
model = "local::smollm2"
json_mode = "strict"
max_tokens = 80
temperature = 0.0

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
os.environ["TENSORZERO_CONFIG"] = str(folder / "tensorzero.toml")

# %%
# %load_ext tensorzero_notebook
# %tensorzero functions


# %%
def ask(function, question, *more):
    return client().inference(function_name=function, input={"messages": [{"role": "user", "content": question}, *more]})


# %% [markdown]
# ## A JSON function
#
# `strict` makes the model keep to the schema; the gateway checks the answer against it. `parsed` would be `None` if it failed.

# %%
fact = ask("animal", "A spider has eight legs. Which animal is it, and how many legs has it?")
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
# Each of the four is a row: three drafts, and the judge, whose answer is the number of the draft that it chose.

# %%
rows = model_inferences(inference=best.inference_id)
rows[["variant_name", "model_name", "input_tokens", "output_tokens", "output_text"]]

# %% [markdown]
# The judge saw the drafts under numbers; the one that it chose is the answer.

# %%
is_judge = rows["output_text"].str.contains("answer_choice")
drafts, judged = rows[~is_judge], rows[is_judge].iloc[0]
assert len(drafts) == 3
choice = json.loads(judged["output_text"])["answer_choice"]
numbered = judged["input_text"].split(f"\n{choice}: ")[1].split("\n------")[0]
chosen = json.loads(numbered)[0]["text"]
assert chosen == best.content[0].text
assert chosen in set(drafts["output_text"])
choice, chosen

# %% [markdown]
# ## Next
#
# Change `functions_and_tools/tensorzero.toml`, and ask again: it is loaded at the next run. A mistake in it is told, and what
# was loaded before stays.
