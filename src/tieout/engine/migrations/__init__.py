"""The history of the schema. Each revision is written by hand and never changed once it is released."""

HEAD = "0008"
"""The newest revision; a database that says so needs no migration."""
