#!/usr/bin/env bash
# nginx 1.22 with proxy_cache: a GET with If-None-Match goes to the server without this field, because nginx wants the
# whole response for its cache. If the response may not be stored (max-age=0), nothing is gained: the client gets 200 and
# the whole content again, where nginx without proxy_cache passes the condition on and returns 304.
. "$(dirname "$0")/lib/begin.sh"
expect 'nginx/1.22.' nginx -v

cat >answers.mjs <<'JS'
const FIELDS = 'ETag: "a"\r\nCache-Control: max-age=0\r\n';
export default ({ head }, socket) =>
  socket.write(
    /if-none-match/i.test(head)
      ? `HTTP/1.1 304 Not Modified\r\n${FIELDS}\r\n`
      : `HTTP/1.1 200 OK\r\n${FIELDS}Content-Length: 2\r\n\r\nok`,
  );
JS
origin answers.mjs
port=$(free_port)
cat >nginx.conf <<CONF
daemon off; master_process off; pid $work/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
  proxy_cache_path $work/cache keys_zone=pages:1m;
  server {
    listen 127.0.0.1:$port;
    location /plain { proxy_pass http://127.0.0.1:$origin; }
    location /cached { proxy_cache pages; proxy_pass http://127.0.0.1:$origin; }
  }
}
CONF
background nginx -p "$work" -c "$work/nginx.conf" -e "$work/error"
until_listening "$port"
status() {
  curl -s -o /dev/null -w '%{http_code}' -H 'If-None-Match: "a"' "http://127.0.0.1:$port/$1"
}
seen "plain $(status plain), with proxy_cache $(status cached) and again $(status cached)" \
  'plain 304, with proxy_cache 200 and again 200'
