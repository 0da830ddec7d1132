# The image of the Python services in docker-compose.yaml: Airflow's components, and Spark's master and worker.
# `docker compose build` builds it.

FROM golang:1.26.8 AS tools
ENV CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" GOTOOLCHAIN=local
WORKDIR /src
COPY include/tools/go.mod include/tools/go.sum include/tools/
COPY include/tools/registry include/tools/registry
# crane, and the registry that a drill starts; the service `registry` has an image of its own.
RUN mkdir -p /out/bin && go -C include/tools build -ldflags "-s -w" -o /out/bin/ tool
COPY include/leapline/__init__.py include/leapline/__init__.py
COPY include/scorer include/scorer
# As in scripts/setup.sh, so that the same checkout builds the same scorers.
RUN version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' include/leapline/__init__.py) \
    && flags="-s -w -X leapline/scorer/internal/server.Version=$version" \
    && for arch in amd64 arm64; do \
        GOARCH=$arch go -C include/scorer build -ldflags "$flags" -o /out/scorer/linux-$arch/scorer ./cmd/scorer || exit 1; \
    done \
    && go -C include/scorer build -ldflags "$flags" -o /out/bin/scorer ./cmd/scorer
COPY include/cleaner include/cleaner
RUN version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' include/leapline/__init__.py) \
    && for arch in amd64 arm64; do \
        GOARCH=$arch go -C include/cleaner build -ldflags "-s -w -X main.Version=$version" \
            -o /out/cleaner/leapline-cleaner-linux-$arch ./cmd/cleaner || exit 1; \
    done

FROM python:3.11.14-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends apache2-utils openjdk-17-jre-headless procps qemu-user-static tini \
    # The probe executes the images of both platforms (docs/platforms.md); the package has forty others, with 370 MB.
    && find /usr/bin -name 'qemu-*-static' ! -name qemu-aarch64-static ! -name qemu-x86_64-static -delete \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/leapline
COPY requirements.txt requirements-celery.txt requirements-kubernetes.txt ./
# An executor for several hosts (docs/airflow-at-scale.md): celery or kubernetes. Both files pin the same versions.
ARG EXECUTOR=
# Removed afterwards: RocksDB, which only streaming queries use, and the packages' own tests.
RUN pip install --no-cache-dir -r requirements.txt ${EXECUTOR:+-r requirements-$EXECUTOR.txt} \
    && packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    && rm "$packages"/pyspark/jars/rocksdbjni-*.jar \
    && find "$packages" -depth -type d -path '*/tests' -exec rm -r {} +
COPY pyproject.toml requirements.in LICENSE ./
COPY include/leapline include/leapline
# With the pinned setuptools of requirements.txt instead of the newest one.
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && rm -r build include
COPY --from=tools /out tools
ARG MAVEN_REPOSITORY_URL=
RUN python -m leapline.runtime.spark_jars tools/spark-jars
# Formats of events tables (docs/sources.md): "delta", "iceberg" or both; 10 MB and 48 MB.
ARG TABLE_FORMATS=
RUN for format in $TABLE_FORMATS; do \
        python -m leapline.runtime.spark_jars "tools/$format-jars" --format "$format" || exit 1; \
    done
COPY dags dags
COPY plugins plugins
COPY deploy/airflow deploy/airflow
COPY include/compose/spark.conf spark/
COPY include/compose/start.sh ./

# A new named volume takes its owner from the folder on which it is mounted.
RUN useradd --uid 50000 --create-home leapline \
    && install -d -o leapline /auth /lake /landing /recovery /scratch /opt/airflow /opt/airflow/logs \
    && install -d -o leapline -m 700 /run/leapline
USER leapline

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/leapline/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/leapline/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=/run/leapline/passwords.json \
    DOCKER_CONFIG=/run/leapline/docker \
    GX_ANALYTICS_ENABLED=false \
    PYSPARK_PYTHON=/usr/local/bin/python \
    SPARK_CONF_DIR=/run/leapline/spark \
    SPARK_LOCAL_DIRS=/scratch \
    LEAPLINE_HOME=/lake \
    LEAPLINE_LANDING=/landing \
    LEAPLINE_TOOLS=/opt/leapline/tools
ENTRYPOINT ["tini", "--", "/opt/leapline/start.sh"]
CMD ["airflow", "version"]
