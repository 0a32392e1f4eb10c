# Sourced by each script: creates a fresh folder, ends every process at exit, and defines a few helpers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
cd "$work"
pids=()
finish() {
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT

# expect WORDS COMMAND...: checks the version. Another version may behave differently, so it is exit code 2.
expect() {
  local words=$1 printed
  shift
  printed=$("$@" 2>&1 || true)
  case $printed in
    *"$words"*) ;;
    *)
      echo "not run: expected $words of $1, found: ${printed%%$'\n'*}" >&2
      exit 2
      ;;
  esac
}

# packages NAME@VERSION...: installs pinned npm packages in the fresh folder, without their install scripts.
packages() {
  echo '{ "private": true, "type": "module" }' >package.json
  npm install --silent --no-audit --no-fund --ignore-scripts "$@" >/dev/null
}

# background COMMAND...: runs the command until the script ends.
background() {
  "$@" &
  pids+=("$!")
}

free_port() {
  node -e 'const s = net.createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# until_listening PORT
until_listening() {
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    for pid in "${pids[@]}"; do kill -0 "$pid"; done
    sleep 0.05
  done
}

# origin FILE: starts a server of raw answers (lib/origin.mjs) and sets $origin to its port.
origin() {
  background node "$here/lib/origin.mjs" "$work/$1" "$work/requests"
  until [ -s port ]; do sleep 0.05; done
  origin=$(cat port)
}

# seen TEXT EXPECTED: prints TEXT; exits with 1 if it is not EXPECTED.
seen() {
  echo "seen: $1"
  [ "$1" = "$2" ] || {
    echo "changed: expected $2" >&2
    exit 1
  }
}
