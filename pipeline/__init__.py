"""How one question becomes a scored answer by a given route, and which route it should take."""
