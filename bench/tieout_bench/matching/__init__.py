"""How fast invoice lines are matched: the rules alone, and through the whole loop."""
