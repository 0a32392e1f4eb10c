// The default plugins over a store in memory. argv: the folder of a build, and `portable` for the portable read path.
import { pathToFileURL } from 'node:url';

const [, , folder, path] = process.argv;
const { createServer, DEFAULT_CONFIG } = await import(pathToFileURL(`${folder}/dist/core/index.js`).href);
const server = createServer({
  listen: { port: 0, sharedReadBuffer: path !== 'portable' },
  storage: 'memory',
  plugins: DEFAULT_CONFIG.plugins,
  // No connection may be closed for being idle while others are opened, however busy the machine.
  limits: { maxConnections: 20_000, idleTimeoutMs: 600_000 },
});
console.log((await server.listen()).port);
