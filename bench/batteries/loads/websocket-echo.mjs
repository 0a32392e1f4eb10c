// Sends messages of 100 octets over WebSockets, each after the answer to the one before, and prints how many answers came.
import { connect } from 'node:net';

const [port, connections, seconds] = process.argv.slice(2).map(Number);
const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const SIZE = 100;
// The mask is zero, so the payload is in it as it is.
const frame = Buffer.concat([Buffer.from([0x82, 0x80 | SIZE, 0, 0, 0, 0]), Buffer.alloc(SIZE, 'x')]);
const ANSWER = 2 + SIZE;
let messages = 0;

for (let at = 0; at < connections; at++) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(HANDSHAKE));
  socket.once('data', (head) => {
    if (!head.includes('101 Switching Protocols')) throw new Error(String(head));
    let waiting = 0;
    socket.on('data', (octets) => {
      waiting += octets.length;
      if (waiting < ANSWER) return;
      waiting -= ANSWER;
      messages++;
      socket.write(frame);
    });
    socket.write(frame);
  });
}
setTimeout(() => {
  console.log(messages);
  process.exit();
}, seconds * 1_000);
