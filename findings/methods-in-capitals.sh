#!/usr/bin/env bash
# Methods are case-sensitive (RFC 9110 §9.1), but clients change them: axios and got write every method in capitals, so
# a server never sees its own lower-case method. fetch does so for six methods but not for "patch", as the Fetch Standard
# says; undici's request changes none.
. "$(dirname "$0")/lib/begin.sh"
packages axios@1.21.1 undici@7.16.0 got@14.6.0
expect 'v20.' node --version

cat >answers.mjs <<'JS'
export default (_request, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
JS
origin answers.mjs
cat >send.mjs <<'JS'
import axios from 'axios';
import got from 'got';
import { request } from 'undici';

const url = (name) => `http://127.0.0.1:${process.argv[2]}/${name}`;
const CLIENTS = {
  fetch: (method) => fetch(url('fetch'), { method }),
  undici: (method) => request(url('undici'), { method }),
  axios: (method) => axios({ url: url('axios'), method }),
  got: (method) => got(url('got'), { method, retry: { limit: 0 } }),
};
for (const send of Object.values(CLIENTS)) for (const method of ['put', 'patch', 'Purge']) await send(method).catch(() => {});
JS
node --no-warnings send.mjs "$origin"
seen "$(sed 's/ HTTP.*//; s/\(.*\) \/\(.*\)/\2 \1/' requests | tr '\n' ';')" \
  'fetch PUT;fetch patch;fetch Purge;undici put;undici patch;undici Purge;axios PUT;axios PATCH;axios PURGE;got PUT;got PATCH;got PURGE;'
