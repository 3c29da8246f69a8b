"""What was stored, as the API gives it back."""
