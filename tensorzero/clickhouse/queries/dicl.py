"""Examples of dynamic in-context learning, by nearness to a vector."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

import math
from collections.abc import Sequence

from tensorzero.clickhouse.query import Query

# chdb-core-lite has no `cosineDistance`. 32 bits, as there, so that a vector is at no distance from itself.
_PRODUCT = "arraySum(arrayMap((x, y) -> toFloat64(x) * y, embedding, {vector:Array(Float64)}))"
_LENGTH = "sqrt(arraySum(arrayMap(x -> toFloat64(x) * x, embedding)))"
_OF_ONE_SIZE = "throwIf(length(embedding) != length({vector:Array(Float64)}), 'vectors of unequal sizes')"
_COSINE = f"toFloat32({_PRODUCT} / ({_LENGTH} * {{length:Float64}}))"
_DISTANCE = f"{_OF_ONE_SIZE} + if({_LENGTH} = 0 OR {{length:Float64}} = 0, 1, 1 - {_COSINE})"


def nearest_examples_query(function_name: str, variant_name: str, vector: Sequence[float], k: int) -> Query:
    """`input`, `output` (JSON text as stored) and `distance` of the `k` nearest examples, the nearest first.

    `distance` is the cosine distance, 0 to 2; that to a vector of zeros, which has no direction, is 1.
    """
    numbers = [float(number) for number in vector]
    return Query(
        f"SELECT input, output, toFloat64({_DISTANCE}) AS distance FROM DynamicInContextLearningExample "
        "WHERE function_name = {function_name:String} AND variant_name = {variant_name:String} "
        "ORDER BY distance, id LIMIT {k:UInt32}",
        {
            "function_name": function_name,
            "variant_name": variant_name,
            "vector": numbers,
            "length": math.sqrt(sum(number * number for number in numbers)),
            "k": k,
        },
    )
