"""The routing policy as an experiment: learning it from outcomes, judging it held-out, saying what it is worth."""
