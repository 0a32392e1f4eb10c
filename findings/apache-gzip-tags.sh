#!/usr/bin/env bash
# Apache 2.4 with mod_deflate in front of another server appends -gzip to its entity tags. A client that sends the tag
# back gets 304 for GET, because Apache removes the suffix itself; but in If-Match of a PUT the server gets a tag that it
# never sent. "DeflateAlterETag NoChange" prevents it.
. "$(dirname "$0")/lib/begin.sh"
expect 'Apache/2.4.' apache2 -v

cat >answers.mjs <<'JS'
import { appendFileSync } from 'node:fs';

export default ({ method, head }, socket) => {
  for (const [line] of head.matchAll(/^if-(?:none-)?match:.*$/gim)) appendFileSync('conditions', `${method} ${line}\n`);
  const body = 'tea '.repeat(100);
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: "one"\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
};
JS
origin answers.mjs
port=$(free_port)
modules=/usr/lib/apache2/modules
{
  for name in mpm_event authz_core proxy proxy_http filter deflate; do
    echo "LoadModule ${name}_module $modules/mod_$name.so"
  done
  [ "$(id -u)" -ne 0 ] || printf 'User nobody\nGroup nogroup\n'
  cat <<CONF
ServerRoot $work
ServerName 127.0.0.1
DefaultRuntimeDir $work
PidFile $work/pid
ErrorLog $work/error
Listen 127.0.0.1:$port
SetOutputFilter DEFLATE
ProxyPass "/" "http://127.0.0.1:$origin/"
CONF
} >apache.conf
background apache2 -D FOREGROUND -f "$work/apache.conf"
until_listening "$port"
tag=$(curl -s -o body -D - -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/" | tr -d '\r' | sed -n 's/^ETag: //p')
curl -s -o body -X PUT -H "If-Match: $tag" "http://127.0.0.1:$port/"
seen "tag \"one\" became $tag; the server got: $(tr -d '\r' <conditions)" \
  'tag "one" became "one-gzip"; the server got: PUT If-Match: "one-gzip"'
