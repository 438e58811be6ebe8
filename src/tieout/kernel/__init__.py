"""The kernel: money, ids, time, outside text, problems and errors. Knows no business and no world."""
