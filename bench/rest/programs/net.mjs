// Reads nothing: the least memory that a connection takes.
import { createServer } from 'node:net';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!';
const answer = function answer() {
  this.write(ANSWER, 'latin1');
};
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', answer);
  socket.on('error', () => {});
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 511 }, () => console.log(server.address().port));
