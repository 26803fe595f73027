#!/bin/sh
# Make a user and a folder for each source system that has a public key, then become sshd.
#
# /etc/nightwatt/source_keys holds one file a system, named like the folder its feeds name (`arrival.folder`): `ccb`,
# `mdm`. The services read what lies there as the group nightwatt; a system sees its own folder only.
set -eu
umask 022
keys=/etc/nightwatt/authorized_keys
install --directory --owner=root --group=root --mode=0755 "$keys" /run/sshd
# sshd refuses keys that others may read or write, so mounted ones are copied first.
install --owner=root --group=root --mode=0600 "${NIGHTWATT_SECRETS:-/run/secrets}/inbound_host_key" /etc/nightwatt/host_key
chgrp nightwatt /srv/inbound
chmod 2771 /srv/inbound # NightWatt's own extracts go here too; source systems cannot list it
getent group sources >/dev/null || groupadd sources
for file in /etc/nightwatt/source_keys/*; do
    [ -f "$file" ] || { echo "no public keys in /etc/nightwatt/source_keys" >&2; exit 1; }
    name=$(basename "$file" .pub)
    case $name in
        *[!a-z0-9_-]* | [!a-z]*) echo "$file: a source system's name is of a-z, 0-9, _ and -" >&2; exit 1 ;;
    esac
    # "*": no password fits, and sshd does not take the account for a locked one. Not of the group nightwatt, which
    # may read every folder; what is written into a folder belongs to that group all the same (its mode's 2).
    id "$name" >/dev/null 2>&1 \
        || useradd --no-create-home --home-dir / --shell /usr/sbin/nologin --user-group --groups sources \
            --password '*' "$name"
    install --owner=root --group=root --mode=0644 "$file" "$keys/$name"
    install --directory --owner="$name" --group=nightwatt --mode=2750 "/srv/inbound/$name"
    echo "source system $name: /srv/inbound/$name"
done
exec /usr/sbin/sshd -D -e -f /etc/nightwatt/sshd_config "$@"
