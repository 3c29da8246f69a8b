"""The quick-start notebook's source; `python tools/pair_notebooks.py` makes quickstart.ipynb from it."""

# %% [markdown]
# # Quick start
#
# Ask a model, watch it answer, judge the answer, and look at everything as a DataFrame. Nothing here needs a key or a network:
# the model runs on this machine, the database in this kernel.

# %%
# %load_ext tensorzero_notebook

# %% [markdown]
# That line set up a gateway, and a database in the folder `.tensorzero/` beside this notebook. Now a real model: SmolLM2, small
# enough for a laptop. `local_model` starts it and returns its name.

# %%
from tensorzero_notebook import local_model

model = local_model()
model

# %% [markdown]
# ## A cell as a prompt
#
# The text of a `%%tensorzero` cell goes to the model, and the answer streams in below. `{topic}` is filled in from Python.

# %%
topic = "the sea"

# %%
# %%tensorzero --model local::smollm2 --out answer
# Tell me one sentence about {topic}.

# %% [markdown]
# The last response is a Python object; `--out` named it.

# %%
answer

# %% [markdown]
# ## The composer
#
# Choose a model or a function, write a prompt, press **Run**; while it answers, **Stop** ends it and other cells run. Then
# judge it with 👍 or 👎, a rating, a comment, or a better answer of your own.

# %%
from tensorzero_notebook import compose

compose(model=model)

# %% [markdown]
# ## Feedback from code
#
# What the buttons do, a program can do too: the notebook's own client is a plain `TensorZeroGateway`.

# %%
from tensorzero_notebook import client

client().feedback(metric_name="thumbs_up", inference_id=answer.inference_id, value=True)

# %% [markdown]
# ## Everything as a DataFrame
#
# One row an inference, typed columns, and the latest feedback of each metric beside it.

# %%
from tensorzero_notebook import inferences

frame = inferences()
frame[["timestamp", "function_name", "variant_name", "output_text", "feedback.thumbs_up"]]

# %% [markdown]
# ## Next
#
# - Put a `tensorzero.toml` beside this notebook: functions, variants, templates, metrics. A change is loaded at the next run.
# - `%tensorzero status` says what is in use; `%tensorzero key openai` asks for a key unseen and keeps it in memory.
# - [Getting started](../docs/getting-started.md) goes through all of it.
