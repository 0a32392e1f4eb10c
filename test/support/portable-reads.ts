/**
 * Preloaded into a process: makes the shared read buffer impossible for accepted sockets, like a Node with unexpected
 * handles. Every server then uses the portable read path, whatever its configuration says. `npm run test:portable`
 * preloads it into every process of the suite.
 */
import net from 'node:net';

const emit = net.Server.prototype.emit;

net.Server.prototype.emit = function (this: net.Server, event: string | symbol, ...args: unknown[]) {
  const [socket] = args;
  if (event === 'connection' && socket instanceof net.Socket) forgetSharedReads(socket);
  return Reflect.apply(emit, this, [event, ...args]);
};

/** The method is on a prototype that all handles of a kind share, so once per kind is enough. */
function forgetSharedReads(socket: net.Socket): void {
  let part: unknown = Reflect.get(socket, '_handle');
  while (typeof part === 'object' && part !== null) {
    Reflect.deleteProperty(part, 'useUserBuffer');
    part = Object.getPrototypeOf(part);
  }
}
