"""Processes: pure ``decide`` and ``evolve`` functions, one module for each life that tieout follows."""
