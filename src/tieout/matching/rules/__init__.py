"""The rules of matching, by theme. Each is a generator of checks (passed or failed) and problems; none fetches."""
