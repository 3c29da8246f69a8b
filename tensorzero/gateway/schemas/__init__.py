"""JSON Schemas, compiled once and checked in the words of the original."""
