"""Stored inferences, model inferences, feedback and episodes as frames.

Every function takes keywords, reads all pages at once through Arrow, and returns a pandas `DataFrame` (or, with
`as_="arrow"`, a `pyarrow.Table`) of one row each. Ids are text, times UTC with milliseconds, numbers know missing values.
`limit`: the newest so many, newest first. Without it a thousand, and a warning where there are more; `.attrs["cut"]` says it
either way. `None` reads all: inferences and model inferences then come as they are stored, unsorted.
Wherever several values are taken, a list, a set, a Series, an Index or an array of them is; one without a value in it fits
no row. `since` and `until` (itself left out): a datetime, a date (its midnight), ISO text, or a timedelta ago; without a time
zone it is local time, and so is a `datetime64`; None and `NaT` are no limit.
`.attrs["query"]` holds the statement, `.attrs["parameters"]` its values. An empty frame has the same columns and types.
"""

from __future__ import annotations

from tensorzero_notebook.frames.episode_frame import episodes
from tensorzero_notebook.frames.feedback_frame import feedback
from tensorzero_notebook.frames.inference_frame import inferences
from tensorzero_notebook.frames.model_inference_frame import model_inferences
from tensorzero_notebook.frames.source import FrameCut, NoRows
from tensorzero_notebook.frames.versions import MixedVersions, variant_versions

__all__ = ["FrameCut", "MixedVersions", "NoRows", "episodes", "feedback", "inferences", "model_inferences", "variant_versions"]
