"""One module per source format; each turns a landed file into an SQL relation of text columns.

Belongs here: the outer shape of a file (lines, signs, header, trailer). Does not belong here: what the
columns mean (`columns.py`, `intervals.py`, `tables.py`).
"""
