// CommonJS uses the same module: Node 20.19 and later can load ES modules with require.
import jackfield = require('jackfield');

const server: jackfield.Server = jackfield.createServer({ storage: 'memory', plugins: ['get'] });
server
  .inject()
  .then(({ text }) => console.log(text))
  .finally(() => server.close());
