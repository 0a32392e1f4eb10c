/** A client of Server-Sent Events that reports everything it gets, also comments and times that a browser hides. */

export interface SentEvent {
  /** The revision in the ID. `lastEventId` has the whole ID. */
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  /** The value of `retry:` in milliseconds. */
  readonly retry?: string;
  /** The block has only comments. */
  readonly comment?: true;
}

export class EventSourceClient {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #abort: AbortController;
  readonly #decoder = new TextDecoder();
  #text = '';
  lastEventId: string | undefined;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    if (response.body === null) throw new Error('There is no body.');
    this.#reader = response.body.getReader();
  }

  /** @param accept The Accept field, as `EventSource` sends it; a client without it is any other program. */
  static async connect(url: string, lastEventId?: string, accept?: string): Promise<EventSourceClient> {
    const abort = new AbortController();
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    if (accept !== undefined) headers.accept = accept;
    const client = new EventSourceClient(await fetch(url, { headers, signal: abort.signal }), abort);
    client.lastEventId = lastEventId;
    return client;
  }

  /** The next event; undefined at the end of the stream. */
  async next(): Promise<SentEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end !== -1) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const event = parsed(block);
        if (event.id === undefined) return event;
        this.lastEventId = event.id;
        return { ...event, id: event.id.replace(/-[0-9a-f]+$/, '') };
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** The next event of this name. */
  async until(
    name: string,
  ): Promise<{ readonly id: string | undefined; readonly data: unknown } | undefined> {
    for (;;) {
      const event = await this.next();
      if (event === undefined) return undefined;
      if (event.event === name) return { id: event.id, data: JSON.parse(event.data ?? '') as unknown };
    }
  }

  close(): void {
    this.#abort.abort();
  }
}

function parsed(block: string): SentEvent {
  const event: { id?: string; event?: string; data?: string; retry?: string } = {};
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) continue;
    const [, name, value] = /^(id|event|data|retry): ([\s\S]*)$/.exec(line) ?? [];
    if (name !== 'id' && name !== 'event' && name !== 'data' && name !== 'retry')
      throw new Error(`A strange line: ${line}`);
    event[name] = value ?? '';
  }
  return Object.keys(event).length === 0 ? { comment: true } : event;
}
