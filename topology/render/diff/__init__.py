"""A diff as text, Markdown, HTML and JSON: pure, deterministic, everything foreign escaped."""
