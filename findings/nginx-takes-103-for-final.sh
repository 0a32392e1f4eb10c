#!/usr/bin/env bash
# nginx 1.22 takes an interim response for the final one: the status in its access log is 103, and everything that the
# server sends afterwards, the real head included, becomes the body of that 103.
. "$(dirname "$0")/lib/begin.sh"
expect 'nginx/1.22.' nginx -v

cat >answers.mjs <<'JS'
export default (_request, socket) => {
  socket.write('HTTP/1.1 103 Early Hints\r\nLink: </tea.css>; rel=preload\r\n\r\n');
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
};
JS
origin answers.mjs
port=$(free_port)
mkdir logs
cat >nginx.conf <<CONF
daemon off; master_process off; pid $work/nginx.pid;
events {}
http {
  log_format short '\$status \$body_bytes_sent';
  access_log $work/logs/access short;
  client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
  server { listen 127.0.0.1:$port; location / { proxy_pass http://127.0.0.1:$origin; proxy_http_version 1.1; } }
}
CONF
background nginx -p "$work" -c "$work/nginx.conf" -e "$work/logs/error"
until_listening "$port"
curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$port/" || true
until [ -s logs/access ]; do sleep 0.05; done
seen "status and octets of the body in the access log: $(cat logs/access)" \
  'status and octets of the body in the access log: 103 59'
