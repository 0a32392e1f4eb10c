/** An application for the web standard. An application of Hono is exported in the same way. */

/** @type {import('jackfield/plugins/fetch').FetchApplication} */
export default async (request, { storage }) => {
  if (request.method === 'PUT') {
    await storage.commit({ puts: [{ key: 'motto', value: await request.text() }] });
    return new Response(null, { status: 204 });
  }
  return Response.json({ motto: (await storage.get('motto'))?.value ?? 'none' });
};
