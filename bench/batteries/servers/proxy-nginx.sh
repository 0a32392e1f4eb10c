#!/bin/sh
# A proxy to UPSTREAM with connections that are kept, bodies as they come.
exec "$(dirname "$0")/nginx.sh" "
upstream behind { server ${UPSTREAM#http://}; keepalive 256; keepalive_requests 1000000000; }
map \$http_upgrade \$connection_field { default upgrade; '' ''; }
server {
  listen 127.0.0.1:PORT;
  client_max_body_size 2m;
  location / {
    proxy_pass http://behind;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_set_header Connection \$connection_field;
    proxy_set_header Upgrade \$http_upgrade;
    proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
  }
}"
