#!/usr/bin/env bash
# lighttpd 1.4.69 with mod_proxy: methods outside its list are answered 501 and never reach the server (QUERY does). The
# trailer section of a chunked response moves into the header section, with a second CR at the end of the line; that of
# a request is dropped. RFC 9110 §6.5.1 forbids merging trailer fields unless their definition allows it.
. "$(dirname "$0")/lib/begin.sh"
expect 'lighttpd/1.4.69' lighttpd -v

cat >answers.mjs <<'JS'
export default (_request, socket) => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Server-Timing\r\nConnection: close\r\n\r\n';
  socket.end(`${head}2\r\nok\r\n0\r\nServer-Timing: app;dur=1\r\n\r\n`);
};
JS
origin answers.mjs
port=$(free_port)
cat >lighttpd.conf <<CONF
server.modules = ("mod_proxy")
server.document-root = "$work"
server.bind = "127.0.0.1"
server.port = $port
server.errorlog = "$work/error"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => $origin)))
CONF
background lighttpd -D -f lighttpd.conf
until_listening "$port"
status() { curl -s -o /dev/null -w '%{http_code}' -X "$1" "http://127.0.0.1:$port/"; }
statuses="QUERY $(status QUERY), PURGE $(status PURGE), FROBNICATE $(status FROBNICATE)"
line=$(node -e '
  const socket = require("node:net").connect(process.argv[1], "127.0.0.1");
  let received = "";
  socket.on("data", (octets) => { received += octets.toString("latin1"); });
  socket.on("close", () => {
    const [head] = received.split("\r\n\r\n");
    console.log(JSON.stringify(/Server-Timing[^\n]*\n/.exec(head)?.[0]));
  });
  socket.write("GET / HTTP/1.1\r\nHost: tea.example.com\r\nConnection: close\r\n\r\n");
' "$port")
seen "$statuses; in the header section: $line" \
  'QUERY 200, PURGE 501, FROBNICATE 501; in the header section: "Server-Timing: app;dur=1\r\r\n"'
