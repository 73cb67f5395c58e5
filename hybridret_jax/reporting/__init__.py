"""Saved results, tables, figures, logs and cards."""
