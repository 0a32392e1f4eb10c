#!/usr/bin/env bash
# Varnish 7.1 asks the server for gzip although its client does not accept it, and unpacks the response for that client.
# It does not forward the data of each flush of the compressor: an event stream arrives only when the response ends.
. "$(dirname "$0")/lib/begin.sh"
expect 'varnish-7.1.' varnishd -V

cat >answers.mjs <<'JS'
import { createGzip } from 'node:zlib';

export default ({ head }, socket) => {
  const isPacked = /^accept-encoding:.*gzip/im.test(head);
  const coding = isPacked ? 'Content-Encoding: gzip\r\n' : '';
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${coding}Transfer-Encoding: chunked\r\n\r\n`);
  const piece = (octets) => socket.write(Buffer.concat([Buffer.from(`${octets.length.toString(16)}\r\n`), octets, Buffer.from('\r\n')]));
  const gzip = createGzip().on('data', piece).on('end', () => socket.write('0\r\n\r\n'));
  gzip.write('data: first\n\n');
  gzip.flush();
  setTimeout(() => gzip.end('data: second\n\n'), 1500);
};
JS
origin answers.mjs
port=$(free_port)
cat >site.vcl <<VCL
vcl 4.1;
backend one { .host = "127.0.0.1"; .port = "$origin"; }
VCL
background varnishd -F -j none -n "$work/varnish" -T none -s malloc,16m -a "127.0.0.1:$port" -f "$work/site.vcl" 2>/dev/null
until_listening "$port"
# Prints how many events the first piece of the body has, without and with gzip.
pieces=$(node --input-type=module -e '
  import http from "node:http";
  import { constants, createGunzip } from "node:zlib";
  const [port] = process.argv.slice(1);
  const first = (path, headers) => new Promise((resolve) => {
    http.get({ host: "127.0.0.1", port, headers, path: `/${path}` }, (answer) => {
      const isPacked = answer.headers["content-encoding"] === "gzip";
      const body = isPacked ? answer.pipe(createGunzip({ flush: constants.Z_SYNC_FLUSH })) : answer;
      body.once("data", (part) => resolve(String(part).split("\n\n").length - 1));
    });
  });
  const plain = await first("a", {});
  const packed = await first("b", { "Accept-Encoding": "gzip" });
  console.log(`events in the first piece: ${plain} without gzip, ${packed} with`);
  process.exit();
' "$port")
seen "$pieces" 'events in the first piece: 2 without gzip, 1 with'
