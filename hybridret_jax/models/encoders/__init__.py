"""One file an architecture, and what all of them fill (architecture.py)."""
