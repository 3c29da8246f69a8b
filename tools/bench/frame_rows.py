"""A chdb directory to read frames from: `python -m tools.bench.frame_rows DIRECTORY LIGHT FULL`.

LIGHT inferences of function `light` with short texts, one model inference each, boolean `thumbs_up` and float `rating`
feedback on each tenth, and the tag `season`; FULL inferences of function `full` with texts of 1.2 and 0.9 KB.
"""

from __future__ import annotations

import sys

from tensorzero.clickhouse.database import Database

CHAT = """
INSERT INTO ChatInference
    (id, function_name, variant_name, episode_id, input, output, tool_params, inference_params, processing_time_ms, ttft_ms,
     tags)
SELECT generateUUIDv7(number), '{function}', if(number % 2 = 0, 'a', 'b'), generateUUIDv7(number + 1e10),
    '{{"messages":[{{"role":"user","content":[{{"type":"text","text":"' || {asked} || '"}}]}}]}}',
    '[{{"type":"text","text":"' || {said} || '"}}]', '', '{{"chat_completion":{{}}}}', number % 5000, number % 500,
    map('season', ['spring', 'summer', 'autumn', 'winter'][number % 4 + 1])
FROM numbers({count})
"""
MODEL = """
INSERT INTO ModelInference
    (id, inference_id, raw_request, raw_response, model_name, model_provider_name, input_tokens, output_tokens,
     response_time_ms, ttft_ms, input_messages, output)
SELECT generateUUIDv7(), id, '', '', 'm', 'p', processing_time_ms, ttft_ms, processing_time_ms, ttft_ms, '[]', '[]'
FROM ChatInference WHERE function_name = 'light'
"""
FEEDBACK = """
INSERT INTO {table} (id, target_id, metric_name, value) SELECT generateUUIDv7(), id, '{metric}', {value}
FROM ChatInference WHERE function_name = 'light' AND processing_time_ms % 10 = 0
"""

HASH = "repeat(hex(sipHash64(number)), {})"


def statements(light: int, full: int) -> list[str]:
    """INSERT … SELECT of every table."""
    return [
        CHAT.format(function="light", asked="'hello'", said="'hi'", count=light),
        CHAT.format(
            function="full", asked="repeat(hex(sipHash64(number)), 70)", said="repeat(hex(sipHash64(number)), 55)", count=full
        ),
        MODEL,
        FEEDBACK.format(table="BooleanMetricFeedback", metric="thumbs_up", value="processing_time_ms % 20 = 0"),
        FEEDBACK.format(table="FloatMetricFeedback", metric="rating", value="processing_time_ms % 5"),
    ]


def main() -> None:
    directory, light, full = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Database.open(f"chdb://{directory}").close()
    from chdb.session import Session

    session = Session(directory)
    session.query("USE tensorzero")
    for statement in statements(light, full):
        session.query(statement)
    for table in ("ChatInference", "ModelInference", "BooleanMetricFeedback", "FloatMetricFeedback"):
        session.query(f"OPTIMIZE TABLE {table} FINAL")  # no merge disturbs the readings
    print(str(session.query("SELECT function_name, count(), uniqExact(id) FROM ChatInference GROUP BY 1")))
    session.close()


if __name__ == "__main__":
    main()
