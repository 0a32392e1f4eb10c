/**
 * Positions in the feed as text: the ids of its events. An id is the revision, and where revisions can be given twice a
 * word after it that tells the two apart: of the start of the store (`era`), or of the change (`mark`).
 */
import { JackfieldError, type Position } from '../../core/plugin-api.js';
import { wholeNumber } from '../shared/page-query.js';

/** How a store names its positions. */
export interface PositionNames {
  /** Of stores that restart their revisions whenever they are opened. */
  readonly era: string | undefined;
  readonly hasMarks: boolean;
}

/** A position as the client wrote it. */
export interface Given {
  readonly text: string;
  /** For errors: `The last event ID`. */
  readonly place: string;
}

export function idOf({ revision, mark }: Position, era: string | undefined): string {
  const word = era ?? mark;
  return word === undefined ? String(revision) : `${revision}-${word}`;
}

/**
 * @returns A function that reads an id that a client sends, against the revision that the store has reached. Its result
 * is an error where the changes after the id cannot be had: STORAGE_REVISION_UNKNOWN, STORAGE_HISTORY_GONE.
 */
export function positionReader({
  era,
  hasMarks,
}: PositionNames): (given: Given, reached: number) => Position | JackfieldError {
  return ({ text, place }, reached) => {
    const [, digits, word] = /^(\d+)(?:-([0-9a-f]+))?$/.exec(text) ?? [];
    const revision = wholeNumber(digits);
    const shown = `${place} is ${JSON.stringify(text)}`;
    if (revision === undefined || Number.isNaN(revision)) {
      return new JackfieldError('STORAGE_REVISION_UNKNOWN', `${shown}, which is not an id of this feed.`);
    }
    // Revision 0 is the empty store, in every life of it.
    if (era !== undefined && word === undefined && revision > 0) {
      return new JackfieldError(
        'STORAGE_HISTORY_GONE',
        `${shown}. This store starts its revisions at 0 on each start, so a number alone may be from an earlier start. Send the ids of the feed unchanged.`,
      );
    }
    // The same number means another change there, and the changes between would be missed silently.
    if (word !== undefined && word !== era && !(era === undefined && hasMarks)) {
      return new JackfieldError(
        'STORAGE_HISTORY_GONE',
        `${shown}, which is from an earlier start or another store.`,
      );
    }
    if (revision > reached) {
      return new JackfieldError(
        'STORAGE_REVISION_UNKNOWN',
        `${revision} was requested, ${reached} is the last.`,
      );
    }
    return era === undefined ? { revision, ...(word === undefined ? {} : { mark: word }) } : { revision };
  };
}
