/** What no server in Node can be faster than: a socket that listens, and nothing else. */
import { createServer } from 'node:net';

createServer().listen(0, '127.0.0.1', () => console.log('listening'));
