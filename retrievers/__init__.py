"""Given documents and a question, which passages, in which order? Stages only; nothing here knows routes or readers."""
