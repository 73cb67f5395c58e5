"""Benchmarks as arrays, one file each."""
