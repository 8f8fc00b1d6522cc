"""Routes: how a question is put to a reader. Each says what it needs retrieved, and which calls it makes."""
