"""Oracle Utilities Opower: profile, file names, writer, and a checker that knows nothing of the writer.

Belongs here: the partner's rules. Does not belong here: how a file travels (`courier`).
"""
