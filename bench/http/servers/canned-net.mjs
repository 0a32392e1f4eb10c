// The lower bound with `node:net`: no parsing, one answer per empty line, all answers to one read in one write.
import { createServer } from 'node:net';
import { GREETING } from './workload.mjs';

const ANSWER =
  'HTTP/1.1 200 OK\r\nDate: Tue, 03 May 2022 03:11:44 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n' +
  `Content-Length: ${GREETING.length}\r\n\r\n${GREETING}`;
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (octets) => {
    let requests = 0;
    for (let at = octets.indexOf('\r\n\r\n'); at !== -1; at = octets.indexOf('\r\n\r\n', at + 4)) requests++;
    socket.write(requests === 1 ? ANSWER : ANSWER.repeat(requests), 'latin1');
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
