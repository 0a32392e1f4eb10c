#!/usr/bin/env bash
# pm2 7 sends SIGINT, and SIGKILL 1.6 seconds later: a server that drains longer than that is cut off, and "pm2 stop"
# still reports success. "--kill-timeout" changes it.
. "$(dirname "$0")/lib/begin.sh"
packages pm2@7.0.4
export PM2_HOME="$work/home"
pm2() { node node_modules/pm2/bin/pm2 --silent "$@" >/dev/null; }
trap 'pm2 kill || true; finish' EXIT
cat >server.cjs <<'JS'
const { appendFileSync } = require('node:fs');
const [name] = process.argv.slice(2);
process.on('SIGINT', () => {
  appendFileSync('log', `${name} draining\n`);
  setTimeout(() => {
    appendFileSync('log', `${name} drained\n`);
    process.exit();
  }, 4000);
});
setInterval(() => {}, 1000);
appendFileSync('log', `${name} ready\n`);
JS
# stopped NAME OPTION...: prints the output of the server up to the end of "pm2 stop".
stopped() {
  local name=$1
  shift
  : >>log
  pm2 start server.cjs --name "$name" "$@" -- "$name"
  until grep -q "$name ready" log; do sleep 0.1; done
  pm2 stop "$name"
  grep "^$name" log | tail -n 1
}
seen "$(stopped default), $(stopped patient --kill-timeout 10000)" 'default draining, patient drained'
