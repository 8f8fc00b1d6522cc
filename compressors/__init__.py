"""Given too much context, what is kept: entries of the KV cache, by the policies of `kv_*.py`."""
