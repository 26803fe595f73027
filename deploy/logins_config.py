"""How people log in, as Airflow's FAB auth manager reads it: names and passwords in its database, nobody by himself.

To let a directory decide instead, set AUTH_TYPE to AUTH_LDAP or AUTH_OAUTH here and map its groups to the roles
Viewer, Op and Admin (AUTH_ROLES_MAPPING); nothing else in NightWatt knows of it.
"""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
AUTH_USER_REGISTRATION = False
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
