import uws from '@trufflesuite/uws-js-unofficial';
import { GREETING, HUNDRED_KIB } from './workload.mjs';

const PIECE = Buffer.alloc(10_240, 'x');
uws
  .App()
  .get('/', (response) => {
    response.writeHeader('Content-Type', 'text/plain; charset=utf-8').end(GREETING);
  })
  .get('/users/:id', (response, request) => {
    response.writeHeader('Content-Type', 'text/plain; charset=utf-8').end(request.getParameter(0));
  })
  .post('/echo', (response) => {
    let octets = 0;
    response.onAborted(() => {});
    response.onData((part, isLast) => {
      octets += part.byteLength;
      if (isLast) response.writeHeader('Content-Type', 'text/plain; charset=utf-8').end(String(octets));
    });
  })
  .get('/stream', (response) => {
    let sent = 0;
    response.onAborted(() => {});
    const go = () => {
      while (sent < HUNDRED_KIB) {
        const [ok, done] = response.tryEnd(
          PIECE.subarray(0, Math.min(PIECE.length, HUNDRED_KIB - sent)),
          HUNDRED_KIB,
        );
        if (done) return true;
        if (!ok) return false;
        sent = response.getWriteOffset();
      }
      return true;
    };
    response.onWritable(() => go());
    go();
  })
  .listen('127.0.0.1', 0, (socket) => console.log(uws.us_socket_local_port(socket)));
