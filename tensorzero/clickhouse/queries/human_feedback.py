"""What people said of an output in place of a judge."""

from __future__ import annotations

from tensorzero.clickhouse.query import Query


def human_feedback_query(metric_name: str, datapoint_id: str, output: str) -> Query:
    """`value` (JSON) and `evaluator_inference_id` of the newest judgement on exactly this output; no row without one."""
    sql = (
        "SELECT value, toString(evaluator_inference_id) AS evaluator_inference_id FROM StaticEvaluationHumanFeedback "
        "WHERE metric_name = {metric:String} AND datapoint_id = {datapoint:UUID} AND output = {output:String} "
        "ORDER BY UUIDv7ToDateTime(feedback_id, 'UTC') DESC LIMIT 1"
    )
    return Query(sql, {"metric": metric_name, "datapoint": datapoint_id, "output": output})
