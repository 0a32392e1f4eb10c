// One connection after the other, without session resumption, with one GET each; prints how many answers came.
import { connect } from 'node:tls';

const [port, connections, seconds] = process.argv.slice(2).map(Number);
let answers = 0;

function next() {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, session: undefined }, () =>
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'),
  );
  socket.once('data', () => answers++);
  socket.once('close', next);
  socket.on('error', () => {});
}

for (let at = 0; at < connections; at++) next();
setTimeout(() => {
  console.log(answers);
  process.exit();
}, seconds * 1_000);
