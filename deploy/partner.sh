#!/bin/sh
# sshd refuses keys that others may read, so the mounted secrets are copied first.
set -eu
install --mode=0600 /run/secrets/trial_host_key /etc/ssh/host_key
install --mode=0644 /run/secrets/opower_key_pub /etc/ssh/authorized_keys
exec /usr/sbin/sshd -D -e
