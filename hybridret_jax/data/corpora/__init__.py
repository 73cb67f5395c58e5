"""Training corpora that the package itself can build."""
