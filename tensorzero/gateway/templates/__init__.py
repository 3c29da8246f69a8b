"""MiniJinja templates: read, checked, rendered, and what to do about one that fails."""
