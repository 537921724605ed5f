#!/bin/sh
# Make the secret files that deployments/compose.yaml names, with new random values: sh secrets.sh FOLDER
# One that is there stays. The folder is its owner's alone; the files in it are readable, because the container's own
# user has to read what is mounted.
set -eu

folder=${1:?the folder to make the secrets in}
mkdir -p -m 0700 "$folder"
cd "$folder"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -e "$1" ] || { printf '%s' "$2" > "$1"; chmod 0444 "$1"; }; }

keep postgres_password "$(random)"
keep prefect_database_password "$(random)"
keep fulcrum_database_password "$(random)"
keep redis_password "$(random)"
keep redis_url "redis://:$(cat redis_password)@redis:6379/0"
keep encryption_key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
keep api_sign_on "fulcrum:$(random)"
