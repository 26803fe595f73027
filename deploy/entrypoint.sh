#!/bin/sh
# Give the database password, which comes as a file, to the database's own client library, so that no
# connection address and no environment variable holds it. Then become the service.
set -eu
umask 077
if [ -r /run/secrets/postgres_password ]; then
    printf 'postgres:5432:*:nightwatt:%s\n' "$(cat /run/secrets/postgres_password)" > "$HOME/.pgpass"
fi
exec "$@"
