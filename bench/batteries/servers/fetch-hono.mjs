import { serve } from '@hono/node-server';
import app from './fetch-app.mjs';

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(port));
