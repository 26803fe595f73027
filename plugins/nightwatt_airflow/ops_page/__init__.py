"""The page operations looks at, inside Airflow and behind its login.

Belongs here: routes, access, templates, pictures. Does not belong here: any judgement of a night (`nightwatt.stages`).
"""
