"""Text to batches: sources, tokens, composed and packed."""
