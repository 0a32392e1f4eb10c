/** GET /report: sends hints before its answer (103), and a digest of the body after it (trailers). */
import { createHash } from 'node:crypto';
import { definePlugin } from 'jackfield';

export default definePlugin({
  name: 'report',
  setup({ handle }) {
    handle('GET', '/report', (request) => {
      request.inform({ status: 103, headers: { Link: '</report.css>; rel=preload; as=style' } });
      const hash = createHash('sha256');
      async function* body() {
        for (const line of ['one\n', 'two\n', 'three\n']) {
          hash.update(line);
          yield line;
        }
      }
      return {
        headers: { 'Content-Type': 'text/plain' },
        body: body(),
        trailers: { 'Repr-Digest': () => `sha-256=:${hash.digest('base64')}:` },
      };
    });
  },
});
