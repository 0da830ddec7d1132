#!/usr/bin/env bash
# The entry point of the image: writes the files that contain secrets from the service's environment into /run/leapline,
# which is a file system in memory, and runs the command without these variables.
set -euo pipefail
umask 077

# The volume of temporary files may contain those of an earlier process that was killed.
find /scratch -mindepth 1 -delete

mkdir -p "$SPARK_CONF_DIR" "$DOCKER_CONFIG"
# The site's options come last, so that they win; a file may lack its last line end.
for file in spark site; do
    [ ! -e "/opt/leapline/spark/$file.conf" ] || { cat "/opt/leapline/spark/$file.conf" && echo; }
done >"$SPARK_CONF_DIR/spark-defaults.conf"
if [ -n "${SPARK_SECRET:-}" ]; then
    echo "spark.authenticate.secret $SPARK_SECRET" >>"$SPARK_CONF_DIR/spark-defaults.conf"
fi
if [ -n "${REGISTRY_PASSWORD:-}" ]; then
    login=$(printf 'leapline:%s' "$REGISTRY_PASSWORD" | base64 --wrap=0)
    printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$LEAPLINE_REGISTRY" "$login" >"$DOCKER_CONFIG/config.json"
fi
if [ -n "${AIRFLOW_ADMIN_PASSWORD:-}" ]; then
    python -c 'import json, os; print(json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))' \
        >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
fi
unset SPARK_SECRET REGISTRY_PASSWORD AIRFLOW_ADMIN_PASSWORD
umask 022
exec "$@"
