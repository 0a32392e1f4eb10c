export default {
  title: '18 KiB of JSON to a client that accepts gzip',
  path: '/json',
  wrk: ['-H', 'Accept-Encoding: gzip'],
  servers: {
    jackfield: { command: [process.execPath, 'servers/compress-jackfield.mjs'] },
    '@fastify/compress': { command: [process.execPath, 'servers/compress-fastify.mjs'] },
  },
  targets: { '@fastify/compress': 0.9 },
};
