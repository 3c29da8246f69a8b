"""Every table of the database, as release 2026.6.0 leaves it (reference: the catalog of a database that it made).

One entry a table: name, engine and keys, then columns in table order with an index at the end, separated by semicolons.
`timestamp` and the lookup tables' `…_uint` columns come from time-ordered ids: see `UUIDv7ToDateTime` and `uint_to_uuid`.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME = "LowCardinality(String)"
TAGS = "tags Map(String, String) DEFAULT map()"
HASH = "snapshot_hash Nullable(UInt256)"
FUNCTION_TYPE = "Enum8('chat' = 1, 'json' = 2)"
FINISH_REASON = (
    "Nullable(Enum8('stop' = 1, 'length' = 2, 'tool_call' = 3, 'content_filter' = 4, 'unknown' = 5, 'stop_sequence' = 6))"
)


def thousandths() -> list[int]:
    """The 70 levels that latency digests keep, finer towards both ends."""
    return [1, 5, *range(10, 100, 10), *range(100, 910, 20), *range(910, 1000, 10), *range(991, 1000)]


DIGEST = "quantilesTDigest"
PLAIN_DIGEST = "quantiles"
"""What keeps latency digests where the engine has no t-digests (chdb-core-lite): same levels, another state."""

QUANTILES = f"{DIGEST}({', '.join(str(level / 1000) for level in thousandths())})"


def quoted(name: str) -> str:
    """An identifier as ClickHouse reads it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, its engine with keys and settings, and its columns."""

    name: str
    engine: str
    definition: str

    @property
    def parts(self) -> list[str]:
        return [" ".join(part.split()) for part in self.definition.split(";")]

    @property
    def columns(self) -> list[str]:
        return [part.split()[0] for part in self.parts if not part.startswith("INDEX ")]

    def create(self, database: str, digest: str = DIGEST) -> str:
        columns = ", ".join(self.parts).replace(DIGEST, digest)
        return f"CREATE TABLE IF NOT EXISTS {quoted(database)}.{self.name} ({columns}) ENGINE = {self.engine}"


INFERENCES = (
    Table(
        "ChatInference",
        "MergeTree ORDER BY (function_name, variant_name, episode_id)",
        f"""
        id UUID; function_name {NAME}; variant_name {NAME}; episode_id UUID; input String; output String;
        tool_params String; inference_params String; processing_time_ms Nullable(UInt32);
        timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id); {TAGS}; extra_body Nullable(String);
        ttft_ms Nullable(UInt32); dynamic_tools Array(String); dynamic_provider_tools Array(String);
        allowed_tools Nullable(String); tool_choice Nullable(String); parallel_tool_calls Nullable(Bool); {HASH};
        INDEX inference_id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "JsonInference",
        "MergeTree ORDER BY (function_name, variant_name, episode_id)",
        f"""
        id UUID; function_name {NAME}; variant_name {NAME}; episode_id UUID; input String; output String;
        output_schema String; inference_params String; processing_time_ms Nullable(UInt32);
        timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id); {TAGS}; extra_body Nullable(String);
        auxiliary_content String; ttft_ms Nullable(UInt32); {HASH};
        INDEX inference_id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "ModelInference",
        "MergeTree ORDER BY inference_id",
        f"""
        id UUID; inference_id UUID; raw_request String; raw_response String; model_name {NAME};
        model_provider_name {NAME}; input_tokens Nullable(UInt32); output_tokens Nullable(UInt32);
        response_time_ms Nullable(UInt32); ttft_ms Nullable(UInt32);
        timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id); system Nullable(String); input_messages String;
        output String; cached Bool DEFAULT false; finish_reason {FINISH_REASON}; {HASH}; cost Nullable(Decimal(18, 9));
        provider_cache_read_input_tokens Nullable(UInt32); provider_cache_write_input_tokens Nullable(UInt32);
        function_name {NAME} DEFAULT ''; variant_name {NAME} DEFAULT '';
        INDEX id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
)

LOOKUPS = (
    Table(
        "InferenceById",
        "ReplacingMergeTree(id_uint) ORDER BY id_uint",
        f"""
        id_uint UInt128; function_name {NAME}; variant_name {NAME}; episode_id UUID; function_type {FUNCTION_TYPE};
        {HASH}
        """,
    ),
    Table(
        "InferenceByEpisodeId",
        "ReplacingMergeTree(id_uint) ORDER BY (episode_id_uint, id_uint)",
        f"""
        episode_id_uint UInt128; id_uint UInt128; function_name {NAME}; variant_name {NAME};
        function_type {FUNCTION_TYPE}; {HASH}
        """,
    ),
    Table(
        "EpisodeById",
        "AggregatingMergeTree ORDER BY episode_id_uint",
        """
        episode_id_uint UInt128; count SimpleAggregateFunction(sum, UInt64);
        inference_ids AggregateFunction(groupArray, UUID); min_inference_id_uint SimpleAggregateFunction(min, UInt128);
        max_inference_id_uint SimpleAggregateFunction(max, UInt128)
        """,
    ),
    Table(
        "InferenceTag",
        "MergeTree ORDER BY (function_name, key, value)",
        f"function_name {NAME}; key String; value String; inference_id UUID; {HASH}",
    ),
    Table(
        "TagInference",
        "ReplacingMergeTree(updated_at, is_deleted) ORDER BY (key, value, inference_id)",
        f"""
        key String; value String; function_name {NAME}; variant_name {NAME}; episode_id UUID; inference_id UUID;
        function_type {FUNCTION_TYPE}; is_deleted Bool DEFAULT false; updated_at DateTime64(6, 'UTC') DEFAULT now64();
        {HASH}; INDEX inference_id_index inference_id TYPE bloom_filter GRANULARITY 1
        """,
    ),
)

FEEDBACK = (
    Table(
        "BooleanMetricFeedback",
        "MergeTree ORDER BY (metric_name, target_id)",
        f"""
        id UUID; target_id UUID; metric_name {NAME}; value Bool; timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id);
        {TAGS}; {HASH}; INDEX id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "FloatMetricFeedback",
        "MergeTree ORDER BY (metric_name, target_id)",
        f"""
        id UUID; target_id UUID; metric_name {NAME}; value Float32;
        timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id); {TAGS}; {HASH};
        INDEX id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "CommentFeedback",
        "MergeTree ORDER BY target_id",
        f"""
        id UUID; target_id UUID; target_type Enum8('inference' = 1, 'episode' = 2); value String;
        timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id); {TAGS}; {HASH};
        INDEX id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "DemonstrationFeedback",
        "MergeTree ORDER BY inference_id",
        f"""
        id UUID; inference_id UUID; value String; timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id); {TAGS}; {HASH};
        INDEX id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "BooleanMetricFeedbackByTargetId",
        "MergeTree ORDER BY target_id",
        f"id UUID; target_id UUID; metric_name {NAME}; value Bool; tags Map(String, String); {HASH}",
    ),
    Table(
        "FloatMetricFeedbackByTargetId",
        "MergeTree ORDER BY target_id",
        f"id UUID; target_id UUID; metric_name {NAME}; value Float32; tags Map(String, String); {HASH}",
    ),
    Table(
        "CommentFeedbackByTargetId",
        "MergeTree ORDER BY target_id",
        f"""
        id UUID; target_id UUID; target_type Enum8('inference' = 1, 'episode' = 2); value String;
        tags Map(String, String); {HASH}
        """,
    ),
    Table(
        "DemonstrationFeedbackByInferenceId",
        "MergeTree ORDER BY inference_id",
        f"id UUID; inference_id UUID; value String; tags Map(String, String); {HASH}",
    ),
    Table(
        "FeedbackTag",
        "MergeTree ORDER BY (metric_name, key, value)",
        f"metric_name {NAME}; key String; value String; feedback_id UUID; {HASH}",
    ),
    Table(
        "BooleanMetricFeedbackByVariant",
        "MergeTree ORDER BY (function_name, metric_name, variant_name, id_uint)",
        f"""
        function_name {NAME}; variant_name {NAME}; metric_name {NAME}; id_uint UInt128; target_id_uint UInt128;
        value Bool; feedback_tags Map(String, String); {HASH}
        """,
    ),
    Table(
        "FloatMetricFeedbackByVariant",
        "MergeTree ORDER BY (function_name, metric_name, variant_name, id_uint)",
        f"""
        function_name {NAME}; variant_name {NAME}; metric_name {NAME}; id_uint UInt128; target_id_uint UInt128;
        value Float32; feedback_tags Map(String, String); {HASH}
        """,
    ),
    Table(
        "FeedbackByVariantStatistics",
        "AggregatingMergeTree ORDER BY (function_name, metric_name, variant_name, minute)",
        f"""
        function_name {NAME}; variant_name {NAME}; metric_name {NAME}; minute DateTime;
        feedback_mean AggregateFunction(avg, Float32); feedback_variance AggregateFunction(varSampStable, Float32);
        count SimpleAggregateFunction(sum, UInt64)
        """,
    ),
    Table(
        "StaticEvaluationHumanFeedback",
        "MergeTree ORDER BY (metric_name, datapoint_id, output) SETTINGS index_granularity = 256",
        f"""
        metric_name {NAME}; datapoint_id UUID; output String; value String; feedback_id UUID;
        evaluator_inference_id UUID; timestamp DateTime MATERIALIZED UUIDv7ToDateTime(feedback_id)
        """,
    ),
)

DATAPOINTS = (
    Table(
        "ChatInferenceDatapoint",
        "ReplacingMergeTree(updated_at, is_deleted) ORDER BY (dataset_name, function_name, id)",
        f"""
        dataset_name {NAME}; function_name {NAME}; id UUID; episode_id Nullable(UUID); input String;
        output Nullable(String); tool_params String; tags Map(String, String); auxiliary String;
        is_deleted Bool DEFAULT false; updated_at DateTime64(6, 'UTC') DEFAULT now64();
        staled_at Nullable(DateTime64(6, 'UTC')); source_inference_id Nullable(UUID); is_custom Bool DEFAULT false;
        name Nullable(String); dynamic_tools Array(String); dynamic_provider_tools Array(String);
        allowed_tools Nullable(String); tool_choice Nullable(String); parallel_tool_calls Nullable(Bool); {HASH};
        INDEX id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "JsonInferenceDatapoint",
        "ReplacingMergeTree(updated_at, is_deleted) ORDER BY (dataset_name, function_name, id)",
        f"""
        dataset_name {NAME}; function_name {NAME}; id UUID; episode_id Nullable(UUID); input String;
        output Nullable(String); output_schema String; tags Map(String, String); auxiliary String;
        is_deleted Bool DEFAULT false; updated_at DateTime64(6, 'UTC') DEFAULT now64();
        staled_at Nullable(DateTime64(6, 'UTC')); source_inference_id Nullable(UUID); is_custom Bool DEFAULT false;
        name Nullable(String); {HASH}; INDEX id_index id TYPE bloom_filter GRANULARITY 1
        """,
    ),
    Table(
        "DynamicInContextLearningExample",
        "MergeTree ORDER BY (function_name, variant_name, namespace)",
        f"""
        id UUID; function_name {NAME}; variant_name {NAME}; namespace String; input String; output String;
        embedding Array(Float32); timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id)
        """,
    ),
)

EVALUATIONS = (
    Table(
        "DynamicEvaluationRun",
        "ReplacingMergeTree(updated_at, is_deleted) ORDER BY run_id_uint",
        f"""
        run_id_uint UInt128; variant_pins Map(String, String); tags Map(String, String); project_name Nullable(String);
        run_display_name Nullable(String); is_deleted Bool DEFAULT false; updated_at DateTime64(6, 'UTC') DEFAULT now();
        {HASH}
        """,
    ),
    Table(
        "DynamicEvaluationRunByProjectName",
        "ReplacingMergeTree(updated_at, is_deleted) ORDER BY (project_name, run_id_uint)",
        f"""
        run_id_uint UInt128; variant_pins Map(String, String); tags Map(String, String); project_name String;
        run_display_name Nullable(String); is_deleted Bool DEFAULT false; updated_at DateTime64(6, 'UTC') DEFAULT now();
        {HASH}
        """,
    ),
    Table(
        "DynamicEvaluationRunEpisode",
        "ReplacingMergeTree(updated_at, is_deleted) ORDER BY episode_id_uint",
        f"""
        run_id UUID; episode_id_uint UInt128; variant_pins Map(String, String); datapoint_name Nullable(String);
        tags Map(String, String); is_deleted Bool DEFAULT false; updated_at DateTime64(6, 'UTC') DEFAULT now(); {HASH}
        """,
    ),
    Table(
        "DynamicEvaluationRunEpisodeByRunId",
        "ReplacingMergeTree(updated_at, is_deleted) ORDER BY (run_id_uint, episode_id_uint)",
        f"""
        run_id_uint UInt128; episode_id_uint UInt128; variant_pins Map(String, String); tags Map(String, String);
        datapoint_name Nullable(String); is_deleted Bool DEFAULT false; updated_at DateTime64(6, 'UTC') DEFAULT now();
        {HASH}
        """,
    ),
    Table(
        "InferenceEvaluationRuns",
        "ReplacingMergeTree(updated_at) ORDER BY (run_id_uint)",
        f"""
        run_id_uint UInt128; evaluation_name String; function_name String; function_type {NAME}; dataset_name String;
        variant_names Array(String); metrics String; source {NAME}; snapshot_hash Nullable(String);
        created_at DateTime64(3, 'UTC'); updated_at DateTime64(3, 'UTC')
        """,
    ),
)

BATCHES = (
    Table(
        "BatchRequest",
        "MergeTree ORDER BY (batch_id, id)",
        f"""
        batch_id UUID; id UUID; batch_params String; model_name {NAME}; model_provider_name {NAME};
        status Enum8('pending' = 1, 'completed' = 2, 'failed' = 3); errors Array(String);
        timestamp DateTime MATERIALIZED UUIDv7ToDateTime(id); raw_request String; raw_response String;
        function_name {NAME}; variant_name {NAME}; {HASH}
        """,
    ),
    Table(
        "BatchModelInference",
        "MergeTree ORDER BY (batch_id, inference_id)",
        f"""
        inference_id UUID; batch_id UUID; function_name {NAME}; variant_name {NAME}; episode_id UUID; input String;
        input_messages String; system Nullable(String); tool_params Nullable(String); inference_params String;
        raw_request String; model_name {NAME}; model_provider_name {NAME}; output_schema Nullable(String); {TAGS};
        timestamp DateTime MATERIALIZED UUIDv7ToDateTime(inference_id); dynamic_tools Array(String);
        dynamic_provider_tools Array(String); allowed_tools Nullable(String); tool_choice Nullable(String);
        parallel_tool_calls Nullable(Bool); {HASH}
        """,
    ),
    Table("BatchIdByInferenceId", "MergeTree ORDER BY (inference_id)", "inference_id UUID; batch_id UUID"),
)

STATISTICS = (
    Table("CumulativeUsage", "SummingMergeTree ORDER BY type", f"type {NAME}; count UInt64"),
    Table(
        "ModelProviderStatistics",
        "AggregatingMergeTree ORDER BY (model_name, model_provider_name, minute)",
        f"""
        model_name {NAME}; model_provider_name {NAME}; minute DateTime;
        response_time_ms_quantiles AggregateFunction({QUANTILES}, Nullable(UInt32));
        ttft_ms_quantiles AggregateFunction({QUANTILES}, Nullable(UInt32));
        total_input_tokens AggregateFunction(sum, Nullable(UInt32));
        total_output_tokens AggregateFunction(sum, Nullable(UInt32)); count AggregateFunction(count, UInt32);
        total_cost AggregateFunction(sum, Nullable(Decimal(18, 9)));
        total_provider_cache_read_input_tokens AggregateFunction(sum, Nullable(UInt32));
        total_provider_cache_write_input_tokens AggregateFunction(sum, Nullable(UInt32));
        count_with_cost AggregateFunction(count, Nullable(Decimal(18, 9)))
        """,
    ),
    Table(
        "VariantStatistics",
        "AggregatingMergeTree ORDER BY (function_name, variant_name, minute)",
        f"""
        function_name {NAME}; variant_name {NAME}; minute DateTime;
        processing_time_ms_quantiles AggregateFunction({QUANTILES}, Nullable(UInt32));
        ttft_ms_quantiles AggregateFunction({QUANTILES}, Nullable(UInt32));
        total_input_tokens AggregateFunction(sum, Nullable(UInt32));
        total_output_tokens AggregateFunction(sum, Nullable(UInt32)); count AggregateFunction(count, UInt32);
        total_cost AggregateFunction(sum, Nullable(Decimal(18, 9)));
        total_provider_cache_read_input_tokens AggregateFunction(sum, Nullable(UInt32));
        total_provider_cache_write_input_tokens AggregateFunction(sum, Nullable(UInt32));
        count_with_cost AggregateFunction(count, Nullable(Decimal(18, 9)))
        """,
    ),
)

HOUSEKEEPING = (
    Table(
        "ModelInferenceCache",
        "ReplacingMergeTree(timestamp, is_deleted) PARTITION BY toYYYYMM(timestamp)"
        " PRIMARY KEY (short_cache_key) ORDER BY (short_cache_key, long_cache_key) SETTINGS index_granularity = 256",
        f"""
        short_cache_key UInt64; long_cache_key FixedString(64); timestamp DateTime DEFAULT now(); output String;
        raw_request String; raw_response String; is_deleted Bool DEFAULT false; input_tokens Nullable(UInt32);
        output_tokens Nullable(UInt32); finish_reason {FINISH_REASON};
        INDEX idx_long_cache_key long_cache_key TYPE bloom_filter GRANULARITY 100
        """,
    ),
    Table(
        "ConfigSnapshot",
        "ReplacingMergeTree(last_used) ORDER BY hash SETTINGS index_granularity = 256",
        f"""
        config String; extra_templates Map(String, String); hash UInt256; tensorzero_version String;
        created_at DateTime64(6) DEFAULT now(); last_used DateTime64(6) DEFAULT now(); {TAGS}
        """,
    ),
    Table(
        "DeploymentID",
        "ReplacingMergeTree(version_number) ORDER BY dummy",
        """
        deployment_id String; dummy UInt32 DEFAULT 0; created_at DateTime DEFAULT now();
        version_number UInt32 DEFAULT 4294967295 - toUInt32(now())
        """,
    ),
    Table(
        "TensorZeroMigration",
        "MergeTree PRIMARY KEY (migration_id) ORDER BY (migration_id)",
        """
        migration_id UInt32; migration_name String; gateway_version String; gateway_git_sha String;
        applied_at DateTime64(6, 'UTC') DEFAULT now(); execution_time_ms UInt64; extra_data Nullable(String)
        """,
    ),
)

TABLES: tuple[Table, ...] = (*INFERENCES, *LOOKUPS, *FEEDBACK, *DATAPOINTS, *EVALUATIONS, *BATCHES, *STATISTICS, *HOUSEKEEPING)
