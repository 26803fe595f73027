"""Who we talk to and how we prove who we are: the settings of connections, shared by all rooms that make one.

Belongs here: addresses, keys and what a setting must look like, by the name a contract gives a connection. Does not
belong here: talking (arrival, delivery) and what a failure means to them.
"""
