#!/usr/bin/env bash
# Node 20's http.Agent reads the hint "Keep-Alive: timeout=N" of a server only if the agent has a timeout itself. With
# "keepAlive: true" alone, as most programs write it, it keeps the connection longer than the server said it would.
. "$(dirname "$0")/lib/begin.sh"
expect 'v20.' node --version

cat >answers.mjs <<'JS'
export default (_request, socket) =>
  socket.write('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok');
JS
origin answers.mjs
# kept OPTIONS: prints the timeout of the free connection in milliseconds; 0 means none.
kept() {
  node -e '
    const http = require("node:http");
    const agent = new http.Agent(JSON.parse(process.argv[2]));
    http.get({ host: "127.0.0.1", port: process.argv[1], agent }, (answer) => answer.resume());
    agent.on("free", () => setImmediate(() => {
      const [[socket]] = Object.values(agent.freeSockets);
      console.log(socket.timeout);
      process.exit();
    }));
  ' "$origin" "$1"
}
seen "keepAlive: $(kept '{ "keepAlive": true }') ms, with a timeout of 60 s: $(kept '{ "keepAlive": true, "timeout": 60000 }') ms" \
  'keepAlive: 0 ms, with a timeout of 60 s: 4000 ms'
