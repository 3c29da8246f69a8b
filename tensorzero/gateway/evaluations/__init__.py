"""Evaluations: a variant asked about every datapoint, and each of its answers judged."""
