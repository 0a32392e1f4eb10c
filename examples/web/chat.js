/** Sends every message to all connected clients. */

/** @type {import('jackfield/plugins/websocket').SocketModule} */
export default (socket, request, { sockets, log }) => {
  log.info({ from: request.remoteAddress, present: sockets.size }, 'joined');
  socket.on('message', (data, isBinary) => {
    for (const other of sockets) other.send(data, { binary: isBinary });
  });
};
