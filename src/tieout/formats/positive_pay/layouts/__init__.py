"""Sample layouts of positive pay files, as data."""
