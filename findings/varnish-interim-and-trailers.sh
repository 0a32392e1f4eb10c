#!/usr/bin/env bash
# Varnish 7.1 answers 503 if the server sends an interim response such as 103 Early Hints, and if a chunked response has
# a trailer section. RFC 9110 §15.2: a proxy forwards or discards interim responses. RFC 9112 §7.1.2: it may discard
# trailers.
. "$(dirname "$0")/lib/begin.sh"
expect 'varnish-7.1.' varnishd -V

cat >answers.mjs <<'JS'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n';
const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const ANSWERS = {
  '/plain': FINAL,
  '/hints': `HTTP/1.1 103 Early Hints\r\nLink: </tea.css>; rel=preload\r\n\r\n${FINAL}`,
  '/chunked': `${CHUNKED}\r\n`,
  '/trailers': `${CHUNKED}Server-Timing: app;dur=1\r\n\r\n`,
};
export default ({ target }, socket) => socket.write(ANSWERS[target]);
JS
origin answers.mjs
port=$(free_port)
cat >site.vcl <<VCL
vcl 4.1;
backend one { .host = "127.0.0.1"; .port = "$origin"; }
VCL
background varnishd -F -j none -n "$work/varnish" -T none -s malloc,16m -a "127.0.0.1:$port" -f "$work/site.vcl" 2>/dev/null
until_listening "$port"
status() { curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/$1"; }
seen "plain $(status plain), 103 $(status hints), chunked $(status chunked), trailers $(status trailers)" \
  'plain 200, 103 503, chunked 200, trailers 503'
