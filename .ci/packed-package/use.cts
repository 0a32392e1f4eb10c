// CommonJS takes the same door: Node 20.19 and later let require load ES modules.
import jackfield = require('jackfield');

const server: jackfield.Server = jackfield.createServer({ storage: 'memory', plugins: ['get'] });
server
  .inject()
  .then(({ text }) => console.log(text))
  .finally(() => server.close());
