"""What a reader of frames writes: pandas unless Arrow is asked for."""

from __future__ import annotations

import pandas as pd
from typing_extensions import assert_type

from tensorzero_notebook import episodes, feedback, inferences, model_inferences

assert_type(inferences("reply", limit=10), pd.DataFrame)
assert_type(inferences(as_="pandas", columns=["inference_id"]), pd.DataFrame)
assert_type(model_inferences(model="m"), pd.DataFrame)
assert_type(feedback(metric="thumbs_up"), pd.DataFrame)
assert_type(episodes(), pd.DataFrame)
table = inferences(as_="arrow")
print(table.num_rows)
