"""The materialized views that fill the derived tables, and the SQL function that they and readers share.

A view sees the rows of one insert, not the whole table it names. Columns are matched by name; what a view leaves out takes
the target's default. Some aggregates therefore depend on how rows were batched (`EpisodeById.count` is 1 for each insert
that touches an episode), exactly as in a database that the original made (observed 2026.6.0).
"""

# ruff: noqa: S608 - statements are put together from this module's own constants, never from values

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tensorzero.clickhouse.schema_tables import DIGEST, QUANTILES, quoted
from tensorzero.clickhouse.uuids import first_half, number_of, uuid_of

UINT_TO_UUID = "uint_to_uuid"
CREATE_UINT_TO_UUID = f"CREATE FUNCTION IF NOT EXISTS {UINT_TO_UUID} AS x -> {uuid_of('x')}"
"""Readers of both packages call it. It belongs to the server, not to a database."""

WORKFLOW_EPISODES_FROM = 10_000_000_000_000 << 16
"""First half of the ids from which on EpisodeById leaves episodes out: workflow evaluations' lie 10^10 seconds ahead."""

QUANTILES_STATE = QUANTILES.replace(DIGEST, f"{DIGEST}State", 1)


@dataclass(frozen=True, slots=True)
class View:
    """A view's name, the table it fills, and its SELECT with `{db}.` before every table."""

    name: str
    target: str
    select: str

    def create(self, database: str, digest: str = DIGEST) -> str:
        db = quoted(database)
        select = " ".join(self.select.split()).replace("{db}", db).replace(DIGEST, digest)
        return f"CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.{self.name} TO {db}.{self.target} AS {select}"


def inference_views(kind: str) -> Iterator[View]:
    """What one row of ChatInference or JsonInference (`kind`: Chat, Json) leaves in the derived tables."""
    source, function_type = f"{{db}}.{kind}Inference", kind.lower()
    yield View(
        f"{kind}InferenceByIdView",
        "InferenceById",
        f"""
        SELECT {number_of("id")} AS id_uint, function_name, variant_name, episode_id,
            '{function_type}' AS function_type, snapshot_hash
        FROM {source}
        """,
    )
    yield View(
        f"{kind}InferenceByEpisodeIdView",
        "InferenceByEpisodeId",
        f"""
        SELECT {number_of("episode_id")} AS episode_id_uint, {number_of("id")} AS id_uint, function_name, variant_name,
            '{function_type}' AS function_type, snapshot_hash
        FROM {source}
        """,
    )
    yield View(
        f"EpisodeById{kind}View",
        "EpisodeById",
        f"""
        SELECT {number_of("episode_id")} AS episode_id_uint, 1 AS count, groupArrayState(id) AS inference_ids,
            {number_of("min(id)")} AS min_inference_id_uint, {number_of("max(id)")} AS max_inference_id_uint
        FROM {source}
        WHERE {first_half("episode_id")} < {WORKFLOW_EPISODES_FROM}
        GROUP BY episode_id_uint
        """,
    )
    yield View(
        f"{kind}InferenceTagView",
        "InferenceTag",
        f"""
        SELECT function_name, key, tags[key] AS value, id AS inference_id, snapshot_hash
        FROM {source} ARRAY JOIN mapKeys(tags) AS key
        """,
    )
    yield View(
        f"Tag{kind}InferenceView",
        "TagInference",
        f"""
        SELECT function_name, variant_name, episode_id, id AS inference_id, '{function_type}' AS function_type,
            key, tags[key] AS value, snapshot_hash
        FROM {source} ARRAY JOIN mapKeys(tags) AS key
        """,
    )
    yield View(
        f"VariantStatistics{kind}View",
        "VariantStatistics",
        f"""
        SELECT function_name, variant_name, toStartOfMinute(timestamp) AS minute,
            {QUANTILES_STATE}(processing_time_ms) AS processing_time_ms_quantiles,
            {QUANTILES_STATE}(ttft_ms) AS ttft_ms_quantiles, countState() AS count
        FROM {source} GROUP BY function_name, variant_name, minute
        """,
    )


USAGE = """
    sumState(input_tokens) AS total_input_tokens, sumState(output_tokens) AS total_output_tokens, {count}
    sumState(cost) AS total_cost,
    sumState(provider_cache_read_input_tokens) AS total_provider_cache_read_input_tokens,
    sumState(provider_cache_write_input_tokens) AS total_provider_cache_write_input_tokens,
    countState(cost) AS count_with_cost
"""


def model_inference_views() -> Iterator[View]:
    """Counters, and statistics by provider and by variant (rows of older gateways name no function)."""
    yield View(
        "CumulativeUsageView",
        "CumulativeUsage",
        """
        SELECT usage.1 AS type, usage.2 AS count
        FROM {db}.ModelInference ARRAY JOIN [
            ('input_tokens', assumeNotNull(input_tokens)),
            ('output_tokens', ifNull(output_tokens, 0)),
            ('model_inferences', 1)] AS usage
        WHERE input_tokens IS NOT NULL
        """,
    )
    yield View(
        "ModelProviderStatisticsView",
        "ModelProviderStatistics",
        f"""
        SELECT model_name, model_provider_name, toStartOfMinute(timestamp) AS minute,
            {QUANTILES_STATE}(response_time_ms) AS response_time_ms_quantiles,
            {QUANTILES_STATE}(ttft_ms) AS ttft_ms_quantiles,
            {USAGE.replace("{count}", "countState() AS count,")}
        FROM {{db}}.ModelInference GROUP BY model_name, model_provider_name, minute
        """,
    )
    yield View(
        "VariantStatisticsModelView",
        "VariantStatistics",
        f"""
        SELECT function_name, variant_name, toStartOfMinute(timestamp) AS minute, {USAGE.replace("{count}", "")}
        FROM {{db}}.ModelInference WHERE function_name != '' GROUP BY function_name, variant_name, minute
        """,
    )


def metric_views(kind: str) -> Iterator[View]:
    """What a Boolean or Float metric value leaves by target, by tag, by variant and in the variant's statistics."""
    source = f"{kind}MetricFeedback"
    yield View(
        f"{source}ByTargetIdView",
        f"{source}ByTargetId",
        f"SELECT id, target_id, metric_name, value, tags, snapshot_hash FROM {{db}}.{source}",
    )
    yield feedback_tag_view(source, "metric_name")
    yield by_variant_view(kind)
    yield View(
        f"{source}ByVariantStatisticsView",
        "FeedbackByVariantStatistics",
        f"""
        SELECT function_name, variant_name, metric_name,
            toStartOfMinute(UUIDv7ToDateTime({uuid_of("id_uint")})) AS minute,
            avgState(toFloat32(value)) AS feedback_mean, varSampStableState(toFloat32(value)) AS feedback_variance,
            count() AS count
        FROM {{db}}.{source}ByVariant GROUP BY function_name, variant_name, metric_name, minute
        """,
    )


def by_variant_view(kind: str) -> View:
    """A value credited to the variant that made its target: an inference's, or in an episode the only one of each function.

    An episode in which a function ran under several variants credits none of them for that function. The lookups are narrowed
    to the targets of the new rows, so that an insert reads a few index marks however large the tables are.
    """
    source, feedback = f"{kind}MetricFeedback", f"{kind.lower()}_feedback"
    return View(
        f"{source}ByVariantView",
        f"{source}ByVariant",
        f"""
        WITH {feedback} AS (
            SELECT id, target_id, metric_name, value, tags, snapshot_hash FROM {{db}}.{source}
        )
        SELECT targets.function_name AS function_name, targets.variant AS variant_name, metric_name,
            {number_of("id")} AS id_uint, {number_of("target_id")} AS target_id_uint, value,
            tags AS feedback_tags, snapshot_hash
        FROM {feedback} INNER JOIN (
            SELECT {uuid_of("id_uint")} AS target, function_name, toString(variant_name) AS variant
            FROM {{db}}.InferenceById
            WHERE id_uint IN (SELECT {number_of("target_id")} FROM {feedback})
            UNION ALL
            SELECT {uuid_of("episode_id_uint")} AS target, function_name, any(toString(variant_name)) AS variant
            FROM {{db}}.InferenceByEpisodeId
            WHERE episode_id_uint IN (SELECT {number_of("target_id")} FROM {feedback})
            GROUP BY episode_id_uint, function_name
            HAVING uniqExact(variant_name) = 1
        ) AS targets ON target_id = targets.target
        """,
    )


def feedback_tag_view(source: str, metric_name: str) -> View:
    return View(
        f"{source}TagView",
        "FeedbackTag",
        f"""
        SELECT {metric_name} AS metric_name, key, tags[key] AS value, id AS feedback_id, snapshot_hash
        FROM {{db}}.{source} ARRAY JOIN mapKeys(tags) AS key
        """,
    )


def text_feedback_views() -> Iterator[View]:
    """Comments and demonstrations, by target and by tag."""
    yield View(
        "CommentFeedbackByTargetIdView",
        "CommentFeedbackByTargetId",
        "SELECT id, target_id, target_type, value, tags, snapshot_hash FROM {db}.CommentFeedback",
    )
    yield View(
        "DemonstrationFeedbackByInferenceIdView",
        "DemonstrationFeedbackByInferenceId",
        "SELECT id, inference_id, value, tags, snapshot_hash FROM {db}.DemonstrationFeedback",
    )
    yield feedback_tag_view("CommentFeedback", "'comment'")
    yield feedback_tag_view("DemonstrationFeedback", "'demonstration'")


def evaluation_and_batch_views() -> Iterator[View]:
    """Workflow-evaluation runs by project, their episodes by run, and the batch an inference belongs to."""
    yield View(
        "DynamicEvaluationRunByProjectNameView",
        "DynamicEvaluationRunByProjectName",
        """
        SELECT run_id_uint, variant_pins, tags, project_name, run_display_name, is_deleted, updated_at, snapshot_hash
        FROM {db}.DynamicEvaluationRun WHERE project_name IS NOT NULL
        """,
    )
    yield View(
        "DynamicEvaluationRunEpisodeByRunIdView",
        "DynamicEvaluationRunEpisodeByRunId",
        f"""
        SELECT {number_of("run_id")} AS run_id_uint, episode_id_uint, variant_pins, tags, datapoint_name, is_deleted,
            updated_at, snapshot_hash
        FROM {{db}}.DynamicEvaluationRunEpisode
        """,
    )
    yield View(
        "BatchIdByInferenceIdView",
        "BatchIdByInferenceId",
        "SELECT inference_id, batch_id FROM {db}.BatchModelInference",
    )


VIEWS: tuple[View, ...] = (
    *inference_views("Chat"),
    *inference_views("Json"),
    *model_inference_views(),
    *metric_views("Boolean"),
    *metric_views("Float"),
    *text_feedback_views(),
    *evaluation_and_batch_views(),
)
