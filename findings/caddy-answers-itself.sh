#!/usr/bin/env bash
# Caddy 2.6 with a site that forwards everything: "OPTIONS *" is answered 200 by Caddy itself, and so is every request for
# a host that no site has, with an empty body. A body over "request_body max_size" is 502, and not 413.
. "$(dirname "$0")/lib/begin.sh"
expect '2.6.' caddy version

cat >answers.mjs <<'JS'
export default (_request, socket) => socket.write('HTTP/1.1 203 From The Server\r\nContent-Length: 0\r\n\r\n');
JS
origin answers.mjs
port=$(free_port)
cat >Caddyfile <<CONF
{
  admin off
  auto_https off
  storage file_system $work/caddy
}
http://tea.example.com:$port {
  bind 127.0.0.1
  request_body {
    max_size 10
  }
  reverse_proxy 127.0.0.1:$origin
}
CONF
background caddy run --adapter caddyfile --config Caddyfile 2>/dev/null
until_listening "$port"
status() { curl -s -o /dev/null -w '%{http_code}' "$@" "http://127.0.0.1:$port/"; }
site='Host: tea.example.com'
seen "GET $(status -H "$site"), OPTIONS * $(status -H "$site" -X OPTIONS --request-target '*'), another host $(status), a large body $(status -H "$site" -d 'more than ten octets')" \
  'GET 203, OPTIONS * 200, another host 200, a large body 502'
