#!/bin/sh
# Read each FULCRUM_, PREFECT_, PG or OPENAI_ variable NAME_FILE into NAME, as the images of databases do, then become
# the command. A secret stays in its file: it is not in the image, in compose.yaml, or in what `docker inspect` shows.
# Only these names: SSL_CERT_FILE, which other programs read, is a path and stays one.
set -eu

for name in $(env | sed -n 's/^\(\(FULCRUM\|PREFECT\|PG\|OPENAI\)[A-Z0-9_]*\)_FILE=.*/\1/p'); do
  eval "file=\$${name}_FILE"
  if [ ! -r "$file" ]; then
    echo "${name}_FILE names $file, which cannot be read." >&2
    exit 2
  fi
  export "$name=$(cat "$file")"
  unset "${name}_FILE"
done

exec "$@"
