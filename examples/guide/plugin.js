/**
 * Short links: LINK /NAME stores the address in the body, GET /NAME redirects to it, UNLINK /NAME deletes it.
 * The names of the methods are those of RFC 2068 §19.6.1.
 */
import { definePlugin, HttpError } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: 'links',
  options: z.strictObject({
    /** The schemes with which addresses may begin. */
    schemes: z.array(z.string().endsWith(':')).min(1).default(['https:']),
  }),
  setup({ handle, storage, options, log }) {
    /** @param {string} text */
    function addressIn(text) {
      const address = URL.canParse(text) ? new URL(text) : undefined;
      if (address !== undefined && options.schemes.includes(address.protocol)) return address.href;
      throw new HttpError(422, `An address begins with ${options.schemes.join(' or ')}\n`);
    }

    handle('LINK', '/:name', async (request) => {
      const { name } = request.params;
      const value = addressIn((await request.text()).trim());
      // Revision 0 means that the key is absent. If two requests want a name at the same time, only one gets it.
      const result = await storage.commit({
        checks: [{ key: name, revision: 0 }],
        puts: [{ key: name, value }],
      });
      if (!result.ok) throw new HttpError(409, `${name} is taken.\n`);
      log.info({ name, value }, 'linked');
      return { status: 201, headers: { Location: request.path } };
    });

    handle('GET', '/:name', async ({ params: { name } }) => {
      const entry = await storage.get(name);
      if (entry === undefined) return { status: 404, body: `There is no link ${name}.\n` };
      return { status: 302, headers: { Location: entry.value } };
    });

    handle('UNLINK', '/:name', async ({ params: { name } }) => {
      const { previous } = await storage.commit({ deletes: [name] });
      return { status: previous.has(name) ? 204 : 404 };
    });
  },
});
