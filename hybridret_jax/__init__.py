"""Trains and judges multilingual dense retrievers with hybrid batches."""
