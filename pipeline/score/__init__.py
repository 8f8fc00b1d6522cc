"""Scores: what an answer, a ranking and an evidence span are worth, and which differences are real."""
