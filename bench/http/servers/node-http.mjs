import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { GREETING, HUNDRED_KIB, pieces } from './workload.mjs';

const server = createServer((request, response) => {
  const { url } = request;
  if (url === '/') {
    response.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': GREETING.length,
    });
    response.end(GREETING);
  } else if (url.startsWith('/users/')) {
    const id = url.slice('/users/'.length);
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': id.length });
    response.end(id);
  } else if (url === '/echo') {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const body = String(Buffer.concat(parts).length);
      response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length });
      response.end(body);
    });
  } else {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': HUNDRED_KIB });
    Readable.from(pieces()).pipe(response);
  }
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
