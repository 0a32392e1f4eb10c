import { createServer } from '../../../dist/core/index.js';
import { webSockets } from '../../../dist/plugins/websocket.js';

const echo = {
  name: 'echo',
  setup(context) {
    const webSocket = webSockets(context);
    context.handle('GET', '/', (request) =>
      webSocket(request, (socket) =>
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
      ),
    );
  },
};
const server = createServer({
  listen: { port: 0 },
  storage: 'memory',
  plugins: [echo],
  limits: { maxConnections: 20_000 },
});
console.log((await server.listen()).port);
