"""Positive pay: the list of checks that we issued, voided or stopped, so that the bank pays no others.

Every bank wants its own layout, so a layout is a declaration (:mod:`~tieout.formats.positive_pay.layout`) and the
writer has none of its own. Two samples come with the package; yours is a file of the same kind.
"""
