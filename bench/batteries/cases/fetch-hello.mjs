export default {
  title: "Hono's hello",
  path: '/',
  servers: {
    jackfield: { command: [process.execPath, 'servers/fetch-jackfield.mjs'] },
    '@hono/node-server': { command: [process.execPath, 'servers/fetch-hono.mjs'] },
  },
  targets: { '@hono/node-server': 0.6 },
};
