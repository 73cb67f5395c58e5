"""A study: its cells, who runs them, and what is found in them."""
