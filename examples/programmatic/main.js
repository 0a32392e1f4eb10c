/** A server inside a program. Run: node examples/programmatic/main.js */
import { createLog, createServer, definePlugin } from 'jackfield';

// A plugin as an object; built-in plugins are named.
const greet = definePlugin({
  name: 'greet',
  setup({ handle, log }) {
    handle('GET', '/hello/:name', ({ params }) => {
      log.info({ name: params.name }, 'greeted');
      return { json: { hello: params.name } };
    });
  },
});

// createServer checks its configuration like a file. Port 0 takes any free port.
const server = createServer(
  { listen: { port: 0 }, storage: 'memory', plugins: ['head', 'get', 'post', 'create', greet] },
  { log: createLog((line) => process.stderr.write(line)) },
);

// Without a socket, for tests: the same parser, the same handlers, the same answer.
const created = await server.inject({ method: 'POST', target: '/create', body: 'apple: red' });
console.log(created.status, JSON.stringify(created.text));

// Over a socket.
const { url } = await server.listen();
const greeted = await fetch(`${url}/hello/world`);
console.log(greeted.status, await greeted.text());
const listed = await fetch(url, { headers: { accept: 'application/json' } });
console.log(listed.status, await listed.text());

// Exchanges under way are finished, then plugins are closed, then the store.
await server.close();
console.log('closed');
