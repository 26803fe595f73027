#!/bin/sh
# Give the database password, which comes as a file, to the database's own client library, so that no
# connection address and no environment variable holds it. The address of the outside monitor comes as a file too.
# Then become the service.
set -eu
umask 077
password="${NIGHTWATT_SECRETS:-/run/secrets}/postgres_password"
if [ -r "$password" ]; then
    printf '%s:*:nightwatt:%s\n' "${NIGHTWATT_POSTGRES:-postgres:5432}" "$(cat "$password")" > "$HOME/.pgpass"
fi
heartbeat="$(dirname "${NIGHTWATT_ALERTING:-none/none}")/heartbeat_url"
if [ -r "$heartbeat" ]; then
    NIGHTWATT_HEARTBEAT_URL="$(cat "$heartbeat")"
    export NIGHTWATT_HEARTBEAT_URL
fi
exec "$@"
