#!/usr/bin/env bash
# curl sends a POST again by itself if a kept connection closes without an answer, although the server may have carried
# it out. Over a new connection it reports the failure.
. "$(dirname "$0")/lib/begin.sh"
expect 'curl 7.88.' curl --version

cat >answers.mjs <<'JS'
export default ({ target }, socket) => {
  if (target === '/order') socket.destroy();
  else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
};
JS
origin answers.mjs
at="http://127.0.0.1:$origin"
status=0
curl -s -d tea "$at/order" || status=$?
fresh=$(grep -c 'POST /order' requests)
: >requests
curl -s -d tea "$at/menu" --next -s -d tea "$at/order" || true
kept=$(grep -c 'POST /order' requests)
seen "orders: $fresh over a new connection (exit status $status), $kept over a kept one" \
  'orders: 1 over a new connection (exit status 52), 2 over a kept one'
