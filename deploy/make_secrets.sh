#!/bin/sh
# Generate the secrets docker-compose.yaml reads from ./secrets. Never overwrites one that is there.
set -eu
cd "$(dirname "$0")/.."
mkdir -p secrets
chmod 700 secrets
make_one() {
    [ -e "secrets/$1" ] && { echo "kept      secrets/$1"; return; }
    python3 -c "$2" > "secrets/$1"
    # Compose mounts the file with its own mode; the services run as another user, and only root enters ./secrets.
    chmod 644 "secrets/$1"
    echo "generated secrets/$1"
}
random='import secrets; print(secrets.token_urlsafe(48))'
make_one postgres_password "$random"
make_one jwt_secret "$random"
make_one api_secret_key "$random"
make_one mask_key "$random"
for login in admin operator viewer; do
    make_one "${login}_password" 'import secrets; print(secrets.token_urlsafe(18))'
done
make_one fernet_key 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'
for name in opower_key crm_key inbound_host_key trial_host_key; do
    [ -e "secrets/$name" ] && { echo "kept      secrets/$name"; continue; }
    ssh-keygen -q -t ed25519 -N "" -C "nightwatt $name" -f "secrets/$name"
    chmod 644 "secrets/$name"
    echo "generated secrets/$name"
done
mkdir -p secrets/alerting
chmod 755 secrets/alerting
if [ -e secrets/alerting/alerting.yaml ]; then
    echo "kept      secrets/alerting/alerting.yaml"
else
    install -m 644 deploy/alerting.yaml secrets/alerting/alerting.yaml
    echo "copied    secrets/alerting/alerting.yaml"
fi
