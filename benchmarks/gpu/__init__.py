"""Benchmarks that need a GPU; each says what it needs and can be run by itself."""
