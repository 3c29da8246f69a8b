"""The release whose behaviour this package has."""

VERSION = "2026.6.0"
USER_AGENT = f"TensorZero/{VERSION}"
