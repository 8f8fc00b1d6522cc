"""Readers: what turns a prompt into an answer. One interface, whatever stands behind it."""
