"""Tasks, exact ranks, and the figures that follow from them."""
