// The folder FOLDER below /, with the default limits. For the default cache of files.
import { createServer } from '../../../dist/core/index.js';

const server = createServer({
  listen: { port: 0 },
  storage: 'memory',
  plugins: [{ use: 'static-files', options: { mounts: [{ root: process.env.FOLDER }] } }],
});
console.log((await server.listen()).port);
