#!/bin/sh
# Files, and a place for what is uploaded. PUT is answered when the body was read.
exec "$(dirname "$0")/nginx.sh" "server {
  listen 127.0.0.1:PORT;
  root $FOLDER/public;
  client_max_body_size 2m;
  location /up/ { dav_methods PUT; create_full_put_path on; }
}"
