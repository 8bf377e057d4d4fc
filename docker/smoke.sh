#!/usr/bin/env bash
# Runs a built image as compose.yaml does, and holds it to what is promised: docker/smoke.sh [IMAGE]
# CONTAINER_ENGINE names another program than docker.
set -euo pipefail
cd "$(dirname "$0")"

image=${1:-rutter}
engine=${CONTAINER_ENGINE:-docker}
name=rutter-smoke-$$
key=sk-smoke-$RANDOM$RANDOM
gateway=$(mktemp -d)
locked=(--read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 256 --memory 512m)

finish() {
  local status=$?
  if [ "$status" -ne 0 ]; then "$engine" logs "$name" 2>&1 | tail -20 || true; fi
  "$engine" rm -f -v "$name" >/dev/null 2>&1 || true
  rm -rf "$gateway"
  exit "$status"
}
trap finish EXIT

expect() { # what, found, expected pattern
  case "$2" in
    $3) printf 'ok    %s\n' "$1" ;;
    *)
      printf 'WRONG %s: found "%s", expected "%s"\n' "$1" "$2" "$3"
      exit 1
      ;;
  esac
}

inside() { "$engine" exec "$name" "$@"; }

wait_until_live() { # address
  for _ in $(seq 100); do
    if curl -fs -o /dev/null "$1/_health/live"; then return 0; fi
    sleep 0.2
  done
  echo "The gateway did not come up at $1." >&2
  return 1
}

ask() { # more arguments of curl
  curl -sS -i "$url/v1/chat/completions" -H 'content-type: application/json' "$@" \
    -d '{"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}' | tr -d '\r'
}

# A copy, readable by the user of the container whatever the umask here is.
cp -R gateway/. "$gateway"
chmod -R a+rX "$gateway"
"$engine" run -d --name "$name" -p 127.0.0.1::4000 -e RUTTER_MASTER_KEY="$key" "${locked[@]}" \
  -v "$gateway:/etc/rutter:ro" "$image" serve --config /etc/rutter/config.yaml >/dev/null
url=http://$("$engine" port "$name" 4000 | head -1)
wait_until_live "$url"

expect 'runs as a user without rights' "$(inside id -u)" 1000
expect 'has tini as its first process' "$(inside cat /proc/1/comm)" tini
expect 'cannot write beside its data' "$(inside sh -c 'touch /app/x 2>/dev/null && echo written || echo refused')" refused
expect 'holds no capability' "$(inside sh -c "sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status")" 0000000000000000
expect 'keeps its records in /data' "$(inside sh -c 'ls -R /data')" '*rutter.db*'
expect 'answers its own health check' "$(inside node -e 'fetch("http://127.0.0.1:4000/_health/ready").then(async (r) => console.log(r.status))')" 200
expect 'asks callers for the key' "$(ask | head -1)" '* 401*'

served=$(ask -H "authorization: Bearer $key" -H 'x-session-id: smoke')
expect 'answers' "$(head -1 <<<"$served")" '* 200*'
expect 'routes by the mounted plugin' "$(grep -i '^x-rutter-route:' <<<"$served")" '*chosen by session-sticky*'

# A changed plugin takes over while the gateway runs.
sed -i 's/a\.rank - b\.rank/b.rank - a.rank/' "$gateway/plugins/session-sticky/index.ts"
before=$(grep -i '^x-rutter-deployment:' <<<"$served")
for _ in $(seq 50); do
  after=$(ask -H "authorization: Bearer $key" -H 'x-session-id: smoke' | grep -i '^x-rutter-deployment:')
  [ "$after" = "$before" ] || break
  sleep 0.2
done
expect 'takes up a changed plugin' "$([ "$after" = "$before" ] && echo unchanged || echo changed)" changed

"$engine" kill --signal TERM "$name" >/dev/null
expect 'ends with 0 when asked to stop' "$("$engine" wait "$name")" 0
"$engine" rm -f -v "$name" >/dev/null

# Without a master key nobody outside of the container is let in.
"$engine" run -d --name "$name" -p 127.0.0.1::4000 "${locked[@]}" "$image" >/dev/null
for _ in $(seq 100); do
  if "$engine" logs "$name" 2>&1 | grep -q 'is listening'; then break; fi
  sleep 0.2
done
expect 'listens on its own address only, without a key' "$("$engine" logs "$name" 2>&1 | grep 'is listening')" '*//127.0.0.1:4000'
url=http://$("$engine" port "$name" 4000 | head -1)
expect 'is out of reach then' "$(curl -s -m 3 -o /dev/null "$url/_health/live" && echo reached || echo refused)" refused
expect 'is healthy all the same' "$(inside node -e 'fetch("http://127.0.0.1:4000/_health/live").then(async (r) => console.log(r.status))')" 200
echo 'All as it should be.'
