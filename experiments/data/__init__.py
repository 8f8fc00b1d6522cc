"""Data sets: each benchmark as documents, questions and, where there are any, recorded answers."""
