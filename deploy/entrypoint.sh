#!/bin/sh
# Give the database password, which comes as a file, to the database's own client library, so that no
# connection address and no environment variable holds it. Then become the service.
set -eu
umask 077
password="${NIGHTWATT_SECRETS:-/run/secrets}/postgres_password"
if [ -r "$password" ]; then
    printf '%s:*:nightwatt:%s\n' "${NIGHTWATT_POSTGRES:-postgres:5432}" "$(cat "$password")" > "$HOME/.pgpass"
fi
exec "$@"
