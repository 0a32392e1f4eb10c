#!/usr/bin/env bash
# What clients send after a redirect of a PUT with a body. RFC 9110 §15.4.4: the client gets the target of a 303 by GET.
# "curl -X PUT -L" sends PUT again at every status, and without its body at 301, 302 and 303. Python's requests turns
# PUT into GET at 302, where fetch and "curl -T" keep it, and sends PUT without the body at 301.
. "$(dirname "$0")/lib/begin.sh"
expect 'curl 7.88.' curl --version
expect '2.28.' /usr/bin/python3 -c 'import requests; print(requests.__version__)'
expect 'v20.' node --version

cat >answers.mjs <<'JS'
import { writeFileSync } from 'node:fs';

export default ({ method, target, head }, socket) => {
  if (target === '/end') writeFileSync('last', `${method}${/^(?:content-length: *[1-9]|transfer-encoding)/im.test(head) ? '+body' : ''}`);
  const redirect = target === '/end' ? '' : `Location: /end\r\n`;
  const status = target === '/end' ? '200 OK' : `${target.slice(1)} Elsewhere`;
  socket.end(`HTTP/1.1 ${status}\r\n${redirect}Content-Length: 0\r\nConnection: close\r\n\r\n`);
};
JS
origin answers.mjs
printf x >body
by_x() { curl -s -L -X PUT -d x "$1"; }
by_t() { curl -s -L -T body "$1"; }
by_fetch() { node -e 'fetch(process.argv[1], { method: "PUT", body: "x" })' "$1"; }
by_requests() { /usr/bin/python3 -c 'import requests, sys; requests.put(sys.argv[1], data="x")' "$1"; }
found=
for status in 301 302 303 307; do
  line="$status:"
  for client in by_x by_t by_fetch by_requests; do
    rm -f last
    "$client" "http://127.0.0.1:$origin/$status"
    line="$line $(cat last)"
  done
  echo "$line"
  found="$found$line; "
done
seen "${found%; }" '301: PUT PUT+body PUT+body PUT; 302: PUT PUT+body PUT+body GET; 303: PUT GET GET GET; 307: PUT+body PUT+body PUT+body PUT+body'
