"""`tensorzero.toml`: found, merged, checked and frozen."""
