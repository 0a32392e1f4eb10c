export default {
  title: 'a GET with access log, metrics, request id, CORS and rate limit',
  path: '/',
  wrk: ['-H', 'Origin: https://a.example'],
  servers: {
    jackfield: { command: [process.execPath, 'servers/five-jackfield.mjs'] },
    fastify: { command: [process.execPath, 'servers/five-fastify.mjs'] },
  },
  targets: { fastify: 0.55 },
};
