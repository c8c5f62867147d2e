"""To and from other containers, one file per partner.

Nothing is imported here: :class:`~graphkit.TemporalGraph` opens the file that it needs.
"""
