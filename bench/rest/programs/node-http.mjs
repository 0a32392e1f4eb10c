import { createServer } from 'node:http';

const BODY = 'Hello, world!';
const server = createServer({ keepAliveTimeout: 600_000 }, (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': BODY.length });
  response.end(BODY);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
