/**
 * A storage adapter in one file: entries in memory, every commit appended to a file as one line of JSON.
 *
 * A confirmed commit survives the end of the process, even by kill -9. It does not survive a power failure, because
 * nothing is synced, and nothing keeps a second process from opening the file: `supports` says so.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineAdapter, StorageError } from 'jackfield';
import { z } from 'zod';

/**
 * @import { Change, CommitResult, Entry, Listing, Page, StorageAdapter } from 'jackfield'
 *
 * One line of the file: the changes of a commit, with their numbers.
 * @typedef {{ revision: number, puts: Entry[], deletes: readonly string[] }} Line
 */

/** @implements {StorageAdapter} */
export class JournalAdapter {
  name = 'journal';
  supports = /** @type {const} */ ({ durable: false, shared: 'process', bounded: false, watch: false });
  #path;
  /** The file descriptor while the store is open, otherwise -1. */
  #file = -1;
  #octets = 0;
  /** In creation order: a Map keeps the place of a key that is set again. */
  #entries = /** @type {Map<string, Entry>} */ (new Map());
  #revision = 0;
  #created = 0;

  /** @param {string} path Absolute. The folder must exist, the file need not. */
  constructor(path) {
    this.#path = path;
  }

  open() {
    const text = existsSync(this.#path) ? readFileSync(this.#path, 'utf8') : '';
    // Text after the last line end is a commit that was cut off before it was confirmed.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    for (const [at, line] of whole.split('\n').slice(0, -1).entries()) this.#apply(this.#parse(line, at + 1));
    this.#octets = Buffer.byteLength(whole);
    this.#file = openSync(this.#path, 'a');
    ftruncateSync(this.#file, this.#octets);
  }

  /** @param {string} key */
  get(key) {
    this.#mustBeOpen();
    return this.#standing(key);
  }

  /**
   * Reads from the first entry for every page, which is fast enough for some thousands.
   * @param {Page} page
   * @returns {Listing}
   */
  list({ prefix = '', after = 0, limit }) {
    this.#mustBeOpen();
    const entries = [];
    for (const { key, created } of this.#entries.values()) {
      if (created <= after || !key.startsWith(prefix)) continue;
      const entry = this.#standing(key);
      if (entry === undefined) continue;
      const last = entries.at(-1);
      if (entries.length === limit && last !== undefined) return { entries, next: last.created };
      entries.push(entry);
    }
    return { entries };
  }

  /**
   * @param {Change} change
   * @returns {CommitResult}
   */
  commit({ checks = [], puts = [], deletes = [] }) {
    this.#mustBeOpen();
    for (const { key, revision } of checks) {
      if ((this.#standing(key)?.revision ?? 0) !== revision) return { ok: false, conflict: key };
    }
    const previous = new Map();
    for (const key of [...puts.map((put) => put.key), ...deletes]) {
      const entry = this.#standing(key);
      if (entry !== undefined) previous.set(key, entry);
    }
    const revision = this.#revision + 1;
    let created = this.#created;
    const line = {
      revision,
      deletes,
      puts: puts.map(({ key, value, ttlMs }) => ({
        key,
        value,
        created: previous.get(key)?.created ?? ++created,
        revision,
        ...(ttlMs === undefined ? {} : { expiresAt: Date.now() + ttlMs }),
      })),
    };
    // Write the file first: if that fails, nothing has changed.
    this.#append(`${JSON.stringify(line)}\n`);
    this.#apply(line);
    return { ok: true, revision, previous };
  }

  close() {
    if (this.#file !== -1) closeSync(this.#file);
    this.#file = -1;
  }

  #mustBeOpen() {
    if (this.#file === -1) throw new StorageError('STORAGE_CLOSED');
  }

  /**
   * An expired entry is absent.
   * @param {string} key
   */
  #standing(key) {
    const entry = this.#entries.get(key);
    return entry?.expiresAt !== undefined && entry.expiresAt <= Date.now() ? undefined : entry;
  }

  /** @param {Line} line */
  #apply({ revision, puts, deletes }) {
    this.#revision = revision;
    for (const key of deletes) this.#entries.delete(key);
    for (const entry of puts) {
      // A new entry goes to the end of the Map, also if an expired entry had its key.
      if (entry.created > this.#created) this.#entries.delete(entry.key);
      this.#entries.set(entry.key, entry);
      this.#created = Math.max(this.#created, entry.created);
    }
  }

  /** @param {string} line */
  #append(line) {
    const octets = Buffer.from(line);
    try {
      // A disk that is almost full writes only a part, and only the returned number shows it.
      for (let at = 0; at < octets.length; ) at += writeSync(this.#file, octets, at);
    } catch (cause) {
      ftruncateSync(this.#file, this.#octets);
      throw new StorageError('STORAGE_FULL', `${this.#path}: ${cause}`, { cause });
    }
    this.#octets += octets.length;
  }

  /**
   * @param {string} line
   * @param {number} number
   * @returns {Line}
   */
  #parse(line, number) {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw new StorageError('STORAGE_CORRUPT', `${this.#path}:${number} is not a line of a journal.`, {
        cause,
      });
    }
  }
}

export default defineAdapter({
  name: 'journal',
  options: z.strictObject({
    /** Relative to the folder of the configuration. */
    path: z.string().min(1).default('data.journal'),
  }),
  create: ({ path }, { folder }) => new JournalAdapter(resolve(folder, path)),
});
