"""Data of a comparison of two domains, legal and generic texts."""
