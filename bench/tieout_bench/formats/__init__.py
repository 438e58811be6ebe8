"""How fast readers of outside documents are, each beside a bare loop over the same bytes."""
