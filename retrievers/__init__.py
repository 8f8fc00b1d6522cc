"""Given documents and a question, which passages, in which order."""
