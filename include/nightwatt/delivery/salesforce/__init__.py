"""Handing the customer picture to Salesforce, and reading what it says about it.

Belongs here: files in the dialects of Bulk API 2.0 and Data Cloud, and the results that come back. Does not belong
here: the picture itself (the crm_* marts) and sending files (the courier).
"""
