#!/bin/sh
# nginx with the server block of $1, in which PORT is its port; its files in FOLDER. One process, so that all its
# CPU time is that of one id. Prints the port when it listens.
port=$(node -e 'const s=require("node:net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
own="$FOLDER/nginx-$port"
mkdir "$own"
cat > "$own/conf" <<CONF
daemon off;
master_process off;
pid $own/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_body_temp_path $own/body;
  proxy_temp_path $own/proxy;
  fastcgi_temp_path $own/fastcgi;
  uwsgi_temp_path $own/uwsgi;
  scgi_temp_path $own/scgi;
  $(echo "$1" | sed "s/PORT/$port/")
}
CONF
node -e 'const net=require("node:net");const ask=()=>net.connect(+process.argv[1],"127.0.0.1",function(){console.log(process.argv[1]);this.destroy()}).on("error",()=>setTimeout(ask,20));ask()' "$port" &
exec nginx -c "$own/conf"
