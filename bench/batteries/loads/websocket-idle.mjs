// Opens idle WebSockets and prints a line whenever as many as asked for are open; the counts come on stdin.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const port = Number(process.argv[2]);
const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

const open = () =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(HANDSHAKE));
    socket.once('error', reject);
    socket.once('data', resolve);
  });

let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  for (; count < Number(line); count += 100) await Promise.all(Array.from({ length: 100 }, open));
  console.log(count);
}
process.exit();
