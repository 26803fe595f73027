"""What a feed and a delivery promise: YAML files in a catalog, validated by typed models.

Belongs here: the grammar of contracts and loading a catalog. Does not belong here: reading a file by a
contract (intake), or judging whether one was kept (arrival, checks).
"""
