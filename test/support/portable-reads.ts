/**
 * Preloaded into a process: no accepted socket can be read into a buffer of ours any more, as on a Node whose handles
 * are not as expected. Every server then takes the portable read path, whatever its configuration says.
 * `npm run test:portable` preloads it into every process of the suite.
 */
import net from 'node:net';

const emit = net.Server.prototype.emit;

net.Server.prototype.emit = function (this: net.Server, event: string | symbol, ...args: unknown[]) {
  const [socket] = args;
  if (event === 'connection' && socket instanceof net.Socket) forgetSharedReads(socket);
  return Reflect.apply(emit, this, [event, ...args]);
};

/** The method stands at a prototype that all handles have in common, so once is enough for each kind. */
function forgetSharedReads(socket: net.Socket): void {
  let part: unknown = Reflect.get(socket, '_handle');
  while (typeof part === 'object' && part !== null) {
    Reflect.deleteProperty(part, 'useUserBuffer');
    part = Object.getPrototypeOf(part);
  }
}
