"""The stage graph, its store, the records that flow through it, and the errors a user can cause."""
