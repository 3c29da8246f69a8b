"""The shapes by the names of the original's types, which its errors tell."""

from __future__ import annotations

from collections.abc import Mapping

from tensorzero.bodies import datasets, inferences
from tensorzero.parsing.value_shapes import Shape

_DATASETS = "tensorzero_core::endpoints::datasets::v1::types::"
_INFERENCES = "tensorzero_core::endpoints::stored_inferences::v1::types::"

SHAPES: Mapping[str, Shape] = {
    f"{_DATASETS}CreateDatapointRequest": datasets.CREATE_DATAPOINT,
    f"{_DATASETS}UpdateDatapointRequest": datasets.UPDATE_DATAPOINT,
    f"{_DATASETS}UpdateDatapointMetadataRequest": datasets.UPDATE_METADATA,
    f"{_DATASETS}ListDatapointsRequest": datasets.LIST_DATAPOINTS,
    f"{_DATASETS}CreateDatapointsFromInferenceRequestParams": datasets.FROM_INFERENCES,
    f"{_INFERENCES}ListInferencesRequest": inferences.LIST_INFERENCES,
}
