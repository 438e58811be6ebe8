"""Readers and writers of documents. Bytes in, values out: no file is opened here and no clock is read.

Readers never raise on data. They return a :class:`~tieout.formats.reading.Reading`: records, diagnostics with places,
and a proof. :func:`tieout.formats.detect.read` finds the format and reads it.
"""
