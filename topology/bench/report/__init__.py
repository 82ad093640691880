"""The report of a run: Markdown, one HTML file and plots, all made from its record alone."""
