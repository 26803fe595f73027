"""Alerting: whether the night is on time, and the record of when it was not."""
