# The image of the service `s3` in docker-compose.yaml: versitygw, an S3 server that keeps objects as files.

FROM golang:1.26.8 AS tools
ENV CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" GOTOOLCHAIN=local
WORKDIR /src
COPY include/tools/s3/go.mod include/tools/s3/go.sum ./
RUN mkdir /out && go build -ldflags "-s -w" -o /out/ tool

FROM python:3.11.14-slim-bookworm
COPY --from=tools /out/versitygw /usr/local/bin/
RUN useradd --uid 50000 leapline && install -d -o leapline /data
USER leapline
# Two buckets, for landed events and for the lake.
CMD ["sh", "-c", ": \"${ROOT_SECRET_KEY:?set S3_SECRET_KEY in .env}\" && mkdir -p /data/objects/landing /data/objects/lake && exec versitygw --port :9000 --health /health posix /data/objects"]
