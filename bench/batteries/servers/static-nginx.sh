#!/bin/sh
# The folder FOLDER below /. One process, so that all its CPU time is that of one id.
port=$(node -e 'const s=require("node:net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
cat > "$FOLDER.nginx.conf" <<CONF
daemon off;
master_process off;
pid $FOLDER.nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_body_temp_path $FOLDER.nginx.body;
  proxy_temp_path $FOLDER.nginx.proxy;
  fastcgi_temp_path $FOLDER.nginx.fastcgi;
  uwsgi_temp_path $FOLDER.nginx.uwsgi;
  scgi_temp_path $FOLDER.nginx.scgi;
  server { listen 127.0.0.1:$port; root $FOLDER; }
}
CONF
# Says the port when it listens.
node -e 'const net=require("node:net");const ask=()=>net.connect(+process.argv[1],"127.0.0.1",function(){console.log(process.argv[1]);this.destroy()}).on("error",()=>setTimeout(ask,20));ask()' "$port" &
exec nginx -c "$FOLDER.nginx.conf"
