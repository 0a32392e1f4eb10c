#!/usr/bin/env bash
# nginx 1.22 with one server and "keepalive" sends a request with an unknown method twice if a kept connection closes
# without an answer. RFC 9110 §9.2.2: a proxy must not retry a method unless it knows that the method is idempotent.
# "proxy_next_upstream off" prevents it; nginx counts only POST, LOCK and PATCH as not idempotent.
. "$(dirname "$0")/lib/begin.sh"
expect 'nginx/1.22.' nginx -v

cat >answers.mjs <<'JS'
export default ({ target }, socket) => {
  if (target === '/break') socket.destroy();
  else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
};
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
  upstream one { server 127.0.0.1:$origin; keepalive 4; }
  server {
    listen 127.0.0.1:$port;
    location / { proxy_pass http://one; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /off/ { proxy_pass http://one/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off; }
  }
}
CONF
background nginx -p "$work" -c "$work/nginx.conf" -e "$work/error"
until_listening "$port"
# count METHOD PATH: prints how often the server got the request, after another one over the same connection.
count() {
  curl -s -o /dev/null "http://127.0.0.1:$port/"
  : >requests
  curl -s -o /dev/null -X "$1" "http://127.0.0.1:$port/$2"
  grep -c "^$1 " requests
}
seen "POST $(count POST break), FROBNICATE $(count FROBNICATE break), with off $(count FROBNICATE off/break)" \
  'POST 1, FROBNICATE 2, with off 1'
