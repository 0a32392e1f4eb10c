/** Increments a counter that others increment too, and loses no step. Run: node examples/keys/counter.js URL */
const url = new URL('/keys/counter', process.argv[2] ?? 'http://127.0.0.1:10000');

async function raise() {
  for (;;) {
    const current = await fetch(url);
    const count = current.ok ? Number(await current.text()) : 0;
    const etag = current.headers.get('etag');
    const answer = await fetch(url, {
      method: 'PUT',
      body: String(count + 1),
      // Only if the entry has not changed since it was read, or still does not exist.
      headers: etag === null ? { 'If-None-Match': '*' } : { 'If-Match': etag },
    });
    if (answer.ok) return;
    // 412: another client was faster. Read again.
    if (answer.status !== 412) throw new Error(`${answer.status}: ${await answer.text()}`);
  }
}

await Promise.all(Array.from({ length: 10 }, raise));
console.log(await (await fetch(url)).text());
