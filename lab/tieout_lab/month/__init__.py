"""A company month, played against real counterpart systems: orders, receipts, invoices, approvals, postings in a real
ERP, payments through bank files, statements, accruals and the close, with faults on the way.

It ends with counts taken from the ERP and the bank themselves. It is a rehearsal for users, the product's main job
shown end to end, and its acceptance test. `tieout run` starts it.
"""
