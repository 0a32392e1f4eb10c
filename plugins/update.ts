/**
 * PUT `/update`: stores pairs, whether their keys exist or not, and reports what each replaced; all of them or none.
 * Source: the classic protocol, rules 5 and 9. Errors: 400 for a body without valid pairs and for Content-Range, 404
 * for another method, 412 for a condition on a state, 415 for a multipart form or a compressed body, and those of the
 * store.
 */
import { definePlugin, type Entry, precondition, type ResponseParts } from '../core/plugin-api.js';
import { ofClient } from './shared/of-client.js';
import { type Pair, readPairs } from './shared/pairs.js';

const WRONG_METHOD: ResponseParts = {
  status: 404,
  headers: { Allow: 'PUT', 'Cache-Control': 'no-store' },
  body: 'Select the appropriate method(Update mode => PUT)',
};
const IN_PART: ResponseParts = {
  status: 400,
  body: 'Pairs are stored whole; Content-Range is not supported here',
};

export default definePlugin({
  name: 'update',
  setup({ handle, storage }) {
    // Only registered methods: without `put` in the configuration, PUT stays 405 here too.
    handle(
      '*',
      '/update',
      async (request) => {
        if (request.method !== 'PUT') return WRONG_METHOD;
        // A part would be stored as the whole (RFC 9110 §14.5). Classic clients send the field without that meaning.
        if (request.headers['content-range'] !== undefined && request.dialect === '') return IN_PART;
        // The path names an action and has no state, so If-Match never holds (RFC 9110 §13.1.1).
        precondition(request);
        const body = await readPairs(request);
        if ('refusal' in body) return body.refusal;

        const { previous } = await ofClient(() => storage.commit({ puts: lastOfEach(body.pairs) }));
        return body.text + report(body.pairs, previous);
      },
      { registeredMethodsOnly: true, allow: ['PUT'] },
    );
  },
});

/** A commit accepts each key once: the last value of a key stays. */
function lastOfEach(pairs: readonly Pair[]): readonly Pair[] {
  return pairs.length === 1 ? pairs : [...new Map(pairs.map((pair) => [pair.key, pair])).values()];
}

/** Reports the effect of each pair in turn, also if several pairs of one body have the same key. */
function report(pairs: readonly Pair[], previous: ReadonlyMap<string, Entry>): string {
  const written = pairs.length === 1 ? undefined : new Map<string, string>();
  let replaced = '';
  let added = '';
  for (const { key, value } of pairs) {
    const old = written?.get(key) ?? previous.get(key)?.value;
    if (old !== undefined) replaced += `${key}: ${old} => ${value}\n\n`;
    else added += `${added === '' ? '' : '\n\n'}${key}: ${value}(There's no key. New update)`;
    written?.set(key, value);
  }
  let text = '';
  if (replaced !== '') text += `\n\nUpdate Data as follow:\n\n${replaced}`;
  if (added !== '') text += `\n\nUpdate(New) Data as follow:\n\n${added}`;
  return `${text}\n\nUpdate with new data Successfully OK `;
}
