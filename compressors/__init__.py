"""Given too much context, what is kept. Nothing yet: the methods follow."""
