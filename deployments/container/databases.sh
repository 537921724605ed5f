#!/bin/bash
# Make the two databases, each with a user that owns it and nothing else. The image of PostgreSQL runs this once, when
# its volume is empty.
set -euo pipefail

for name in prefect fulcrum; do
  psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set name="$name" --set password="$(cat "${SECRETS:-/run/secrets}/${name}_database_password")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
