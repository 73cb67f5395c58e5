"""A study's report: names, tables, figures, the page."""
