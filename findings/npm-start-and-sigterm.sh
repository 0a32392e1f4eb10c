#!/usr/bin/env bash
# npm 11 runs a script with "sh -c" and passes SIGTERM on to that shell, which ends without passing it on. The server
# never gets the signal: as the first process of a container, npm exits with 1 and the server is killed with it; without
# a container the server goes on running. "exec" in the script, or starting node itself, prevents it.
. "$(dirname "$0")/lib/begin.sh"
expect '11.' npm --version
case $(readlink -f /bin/sh) in */dash) ;; *) echo 'not run: expected dash as /bin/sh' >&2; exit 2 ;; esac

cat >package.json <<'JSON'
{ "private": true, "scripts": { "start": "node server.cjs", "start-exec": "exec node server.cjs" } }
JSON
cat >server.cjs <<'JS'
const { appendFileSync } = require('node:fs');
process.on('SIGTERM', () => {
  appendFileSync('log', 'got SIGTERM\n');
  process.exit();
});
setInterval(() => {}, 1000);
appendFileSync('log', `ready\n${process.pid}\n`);
JS
# stopped SCRIPT: prints whether a SIGTERM to npm reached the server.
stopped() {
  : >log
  npm run --silent "$1" &
  npm=$!
  until [ "$(wc -l <log)" -ge 2 ]; do sleep 0.05; done
  server=$(sed -n 2p log)
  kill -TERM "$npm"
  wait "$npm" || true
  if kill -0 "$server" 2>/dev/null && ! grep -q SIGTERM log; then
    # The shell is gone, so nothing passes a signal on any more.
    kill -KILL "$server"
    result='still runs'
  else
    result='got the signal'
  fi
}
stopped start
plain=$result
stopped start-exec
seen "the server $plain; with exec it $result" 'the server still runs; with exec it got the signal'
