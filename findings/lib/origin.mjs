/**
 * A server of raw answers: `node origin.mjs ANSWERS REQUESTS`. ANSWERS is a module whose default export is called with
 * each request ({ method, target, head }) and its socket, to which it writes the answer. The server appends the request
 * lines to REQUESTS and writes its port to ./port.
 */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { pathToFileURL } from 'node:url';

const [answers, requests] = process.argv.slice(2);
const { default: answer } = await import(pathToFileURL(answers).href);

const server = net.createServer((socket) => {
  let received = '';
  socket.setNoDelay();
  socket.on('error', () => {});
  socket.on('data', (octets) => {
    received += octets.toString('latin1');
    for (;;) {
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = received.slice(0, end);
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (received.length < end + 4 + length) return;
      received = received.slice(end + 4 + length);
      const [method, target] = head.split(' ');
      appendFileSync(requests, `${head.split('\r\n')[0]}\n`);
      answer({ method, target, head }, socket);
    }
  });
});
server.listen(0, '127.0.0.1', () => {
  writeFileSync('port.new', String(server.address().port));
  renameSync('port.new', 'port');
});
