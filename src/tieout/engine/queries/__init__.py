"""What pages and the API read: plain questions to the views, answered as frozen values, the same on both databases.

Nothing here writes. A :data:`~tieout.engine.queries.database.Reach` limits every answer to the legal entities the
asking person may see.
"""
