"""Handing the right file to the right partner: writing it, checking it, sending it once.

Belongs here: partner specification profiles (data), writers and checkers by partner, the courier and its
protocol. Does not belong here: what was agreed with whom (contracts) and the numbers themselves, which are
read from the published warehouse through a connection passed in.
"""
