"""How many duplicate invoices the search finds, measured on a company's year whose truth it does not see."""
