"""One module a page: what it asks, what it offers to do, and the template that shows it."""
