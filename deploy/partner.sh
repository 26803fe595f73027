#!/bin/sh
# sshd refuses keys that others may read, so the mounted secrets are copied first.
set -eu
secrets="${NIGHTWATT_SECRETS:-/run/secrets}"
install --mode=0600 "$secrets/trial_host_key" /etc/ssh/host_key
install --mode=0644 "$secrets/opower_key_pub" /etc/ssh/authorized_keys
exec /usr/sbin/sshd -D -e "$@"
