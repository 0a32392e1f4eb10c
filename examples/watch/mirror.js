/**
 * Keeps a copy of all entries: lists them once, then follows the feed. After a lost connection it continues where it was.
 * Prints a line for each change. Run: node examples/watch/mirror.js URL
 */
const base = process.argv[2] ?? 'http://127.0.0.1:10000';

/**
 * @typedef {{ key: string, value: string }} Entry
 * @typedef {{ revision: number, puts: Entry[], deletes: string[] }} Change
 */

const copy = /** @type {Map<string, string>} */ (new Map());

/** @param {Change} change */
function apply({ puts, deletes }) {
  for (const { key, value } of puts) {
    copy.set(key, value);
    console.log(`${key} = ${value}`);
  }
  for (const key of deletes) {
    copy.delete(key);
    console.log(`${key} is gone`);
  }
}

/**
 * One connection. The position comes before the listing, so nothing is missed between the two.
 * @param {string | undefined} lastEventId
 */
async function follow(lastEventId) {
  const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
  const answer = await fetch(`${base}/watch`, { headers: /** @type {Record<string, string>} */ (headers) });
  // 410: missed changes are no longer kept. 400: it is another store. In both cases list again.
  if (answer.status === 410 || answer.status === 400) return undefined;
  if (answer.body === null || !answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  if (lastEventId === undefined) await list();
  let last = lastEventId;
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const octets of answer.body) {
      text += decoder.decode(octets, { stream: true });
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const data = /^data: (.*)$/ms.exec(event)?.[1];
        if (data !== undefined && /^event: change$/m.test(event)) apply(JSON.parse(data));
        last = /^id: (.*)$/m.exec(event)?.[1] ?? last;
      }
    }
  } catch {
    // The connection was lost. Whole events have been applied; the ID of the last one says where to continue.
  }
  return last;
}

async function list() {
  copy.clear();
  for (let next = '/keys'; next !== ''; ) {
    const answer = await fetch(base + next);
    const { entries } = /** @type {{ entries: Entry[] }} */ (await answer.json());
    for (const { key, value } of entries) copy.set(key, value);
    next = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? '';
  }
  console.log(`${copy.size} entries`);
}

for (let last = /** @type {string | undefined} */ (undefined); ; ) {
  try {
    last = await follow(last);
  } catch {
    // The server is not there, perhaps because it restarts. Try again a moment later.
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
}
