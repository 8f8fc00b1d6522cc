"""The routing policy: which route a reader should answer a question by, decided from features by a file of data."""
