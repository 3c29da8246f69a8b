"""The rules of `[rate_limiting]`, and the buckets that they fill and empty."""
