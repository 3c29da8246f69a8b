"""What a database holds after the inserts of data/derived_rows.json: its catalog and the rows of every derived table.

`tools/record_derived_rows.py` records both from a database that the original made; the tests ask ours the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Rows = list[dict[str, Any]]
Execute = Callable[[str], Rows]

HASH = "toString(snapshot_hash) AS snapshot_hash"
LEVELS = [1, 5, *range(10, 100, 10), *range(100, 910, 20), *range(910, 1000, 10), *range(991, 1000)]
MERGE = f"DIGESTMerge({', '.join(str(level / 1000) for level in LEVELS)})"
SHOWN = [LEVELS.index(level) + 1 for level in (1, 100, 500, 900, 999)]
FEEDBACK_STATISTICS = (
    "function_name, variant_name, metric_name, minute, toString(avgMerge(feedback_mean)) AS mean, "
    "toString(varSampStableMerge(feedback_variance)) AS variance, sum(count) AS feedbacks"
)
USAGE = (
    "minute, sumMerge(total_input_tokens) AS input, sumMerge(total_output_tokens) AS output, countMerge(count) AS inferences, "
    "toString(sumMerge(total_cost)) AS cost, sumMerge(total_provider_cache_read_input_tokens) AS cache_read, "
    "sumMerge(total_provider_cache_write_input_tokens) AS cache_write, countMerge(count_with_cost) AS with_cost"
)

DERIVED = {
    "InferenceById": "DISTINCT uint_to_uuid(id_uint) AS id, function_name, variant_name, episode_id, function_type, "
    f"{HASH} FROM T",
    "InferenceByEpisodeId": "DISTINCT uint_to_uuid(episode_id_uint) AS episode_id, uint_to_uuid(id_uint) AS id, function_name, "
    f"variant_name, function_type, {HASH} FROM T",
    "EpisodeById": "uint_to_uuid(episode_id_uint) AS episode_id, sum(count) AS inserts, "
    "arraySort(groupArrayMerge(inference_ids)) AS ids, uint_to_uuid(min(min_inference_id_uint)) AS first, "
    "uint_to_uuid(max(max_inference_id_uint)) AS last FROM T GROUP BY episode_id_uint",
    "InferenceTag": f"function_name, key, value, inference_id, {HASH} FROM T",
    "TagInference": f"key, value, function_name, variant_name, episode_id, inference_id, function_type, is_deleted, {HASH} "
    "FROM T FINAL",
    "BooleanMetricFeedbackByTargetId": f"id, target_id, metric_name, value, tags, {HASH} FROM T",
    "FloatMetricFeedbackByTargetId": f"id, target_id, metric_name, toString(value) AS value, tags, {HASH} FROM T",
    "CommentFeedbackByTargetId": f"id, target_id, target_type, value, tags, {HASH} FROM T",
    "DemonstrationFeedbackByInferenceId": f"id, inference_id, value, tags, {HASH} FROM T",
    "FeedbackTag": f"metric_name, key, value, feedback_id, {HASH} FROM T",
    "BooleanMetricFeedbackByVariant": "function_name, variant_name, metric_name, uint_to_uuid(id_uint) AS id, "
    f"uint_to_uuid(target_id_uint) AS target, value, feedback_tags, {HASH} FROM T",
    "FloatMetricFeedbackByVariant": "function_name, variant_name, metric_name, uint_to_uuid(id_uint) AS id, "
    f"uint_to_uuid(target_id_uint) AS target, toString(value) AS value, feedback_tags, {HASH} FROM T",
    "FeedbackByVariantStatistics": f"{FEEDBACK_STATISTICS} FROM T GROUP BY function_name, variant_name, metric_name, minute",
    "DynamicEvaluationRunByProjectName": "uint_to_uuid(run_id_uint) AS run_id, variant_pins, tags, project_name, "
    f"run_display_name, is_deleted, updated_at, {HASH} FROM T",
    "DynamicEvaluationRunEpisodeByRunId": "uint_to_uuid(run_id_uint) AS run_id, uint_to_uuid(episode_id_uint) AS episode_id, "
    f"variant_pins, tags, datapoint_name, is_deleted, updated_at, {HASH} FROM T",
    "BatchIdByInferenceId": "inference_id, batch_id FROM T",
    "CumulativeUsage": "type, sum(count) AS total FROM T GROUP BY type",
    "ModelProviderStatistics": f"model_name, model_provider_name, {USAGE} FROM T "
    "GROUP BY model_name, model_provider_name, minute",
    "VariantStatistics": f"function_name, variant_name, {USAGE} FROM T GROUP BY function_name, variant_name, minute",
}
"""For each derived table, what follows SELECT; T stands for the table. Aggregates are read through their merging functions."""


def shown(column: str) -> str:
    """SQL: some of a latency digest's levels."""
    return f"arrayMap(i -> arrayElement({MERGE}({column}), i), {SHOWN})"


LATENCIES = {
    "ModelProviderStatistics": "model_name, model_provider_name, minute, "
    f"{shown('response_time_ms_quantiles')} AS whole, {shown('ttft_ms_quantiles')} AS first "
    "FROM T GROUP BY model_name, model_provider_name, minute",
    "VariantStatistics": "function_name, variant_name, minute, "
    f"{shown('processing_time_ms_quantiles')} AS whole, {shown('ttft_ms_quantiles')} AS first "
    "FROM T GROUP BY function_name, variant_name, minute",
}

CATALOG = {
    "columns": "SELECT table, name, type, default_kind, default_expression FROM system.columns WHERE database = '{db}' "
    "ORDER BY table, position",
    "tables": "SELECT name, engine, engine_full, primary_key, sorting_key, partition_key FROM system.tables "
    "WHERE database = '{db}' AND engine != 'MaterializedView'",
    "indexes": "SELECT table, name, type_full, expr, granularity FROM system.data_skipping_indices WHERE database = '{db}'",
}


def derived_rows(execute: Execute, database: str) -> dict[str, Rows]:
    return {
        table: in_order(execute(f"SELECT {select.replace('FROM T', f'FROM {database}.{table}')}"))
        for table, select in DERIVED.items()
    }


def latencies(execute: Execute, database: str, digest: str) -> dict[str, Rows]:
    return {
        table: in_order(execute(f"SELECT {select.replace('FROM T', f'FROM {database}.{table}').replace('DIGEST', digest)}"))
        for table, select in LATENCIES.items()
    }


def catalog(execute: Execute, database: str) -> dict[str, dict[str, Any]]:
    """By table or view: its columns as lines of text, and for a table its engine, keys and indexes."""
    objects: dict[str, dict[str, Any]] = {}
    for row in execute(CATALOG["columns"].format(db=database)):
        line = " ".join(filter(None, (row["name"], row["type"], row["default_kind"], row["default_expression"])))
        objects.setdefault(row["table"], {"columns": []})["columns"].append(line)
    for row in execute(CATALOG["tables"].format(db=database)):
        objects[row.pop("name")] |= row
    for row in execute(CATALOG["indexes"].format(db=database)):
        objects[row.pop("table")].setdefault("indexes", []).append(" ".join(str(value) for value in row.values()))
    return dict(sorted(objects.items()))


def insert(execute: Execute, database: str, inserts: list[tuple[str, Rows]]) -> None:
    """Each entry is one INSERT statement, so one block of rows for the views."""
    for table, rows in inserts:
        execute(f"INSERT INTO {database}.{table} FORMAT JSONEachRow " + "\n".join(map(json.dumps, rows)))


def in_order(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
