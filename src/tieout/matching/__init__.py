"""Matching: pure rules that compare documents. Data in, findings out; nothing is fetched."""
