#!/usr/bin/env bash
# HAProxy 2.6 holds each small piece of a streamed response back for about 200 ms, unless "option http-no-delay" is set.
# Without it HAProxy tells the kernel that more data follows, and the kernel waits to join small writes.
. "$(dirname "$0")/lib/begin.sh"
expect 'version 2.6.' haproxy -v

cat >answers.mjs <<'JS'
export default (_request, socket) => {
  const piece = (text) => socket.write(`${text.length.toString(16)}\r\n${text}\r\n`);
  socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  let count = 0;
  const timer = setInterval(() => {
    if (++count <= 5) return piece(`data: ${Date.now()}\n\n`);
    // Long after the last event: what follows at once is not held back.
    clearInterval(timer);
    socket.write('0\r\n\r\n');
  }, 500);
};
JS
origin answers.mjs

# Prints the least delay of five events, in milliseconds: the load of the machine can only add to it.
delay() {
  local port
  port=$(free_port)
  cat >"$port.cfg" <<CFG
defaults
    mode http
    $1
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend front
    bind 127.0.0.1:$port
    default_backend back
backend back
    server one 127.0.0.1:$origin
CFG
  background haproxy -db -f "$port.cfg" 2>/dev/null
  until_listening "$port"
  node -e '
    require("node:http").get({ port: process.argv[1], host: "127.0.0.1" }, async (answer) => {
      const delays = [];
      for await (const part of answer) delays.push(Date.now() - Number(/\d+/.exec(String(part))));
      console.log(Math.min(...delays));
    });
  ' "$port" >delay
}

delay ''
default=$(cat delay)
delay 'option http-no-delay'
with_option=$(cat delay)
echo "least delay of five events: $default ms by default, $with_option ms with the option"
held=$([ "$default" -ge 150 ] && [ "$with_option" -lt 150 ] && echo yes || echo no)
seen "held back by default only: $held" 'held back by default only: yes'
