"""Which questions, which settings, and what the numbers say."""
