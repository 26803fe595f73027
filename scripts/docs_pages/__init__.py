"""The generated pages of `docs/`: one module a kind, each a pure function from the code to Markdown.

Belongs here: what `scripts/docs.py` writes. Does not belong here: pages that people write (`docs/` itself).
"""
