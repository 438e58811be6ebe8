"""ISO 20022: payment files out (pain.001), status reports (pain.002) and account statements (camt) in."""
