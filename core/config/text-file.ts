/** Reads text files of the user. */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { JackfieldError, reasonOf, systemCode } from '../errors.js';

/**
 * A whole text file in UTF-8, with or without byte order mark.
 * @param file The name of the file in the error.
 * @param code The error code for a file that cannot be read.
 */
export async function readText(
  absolute: string,
  file: string,
  code: 'CONFIG_UNREADABLE' | 'CASES_INVALID',
): Promise<string> {
  const octets = await readFile(absolute).catch((cause: unknown) => {
    throw new JackfieldError(code, unreadableBecause(cause, file), { cause });
  });
  const fault = isUtf16(octets) ? `${file} is UTF-16 text` : notUtf8(octets, file);
  if (fault !== undefined) throw new JackfieldError(code, `${fault}; save it as UTF-8.`);
  return new TextDecoder().decode(octets);
}

/** Recognised by the byte order mark, or by the zero byte that is half of the first character. */
function isUtf16(octets: Buffer): boolean {
  const mark = octets.toString('latin1', 0, 2);
  return mark === '\xff\xfe' || mark === '\xfe\xff' || mark.includes('\0');
}

/** The position at which a text stops being UTF-8. */
function notUtf8(octets: Buffer, file: string): string | undefined {
  if (isUtf8(octets)) return undefined;
  // A line feed is never part of a longer character.
  const lines = octets.toString('latin1').split('\n');
  const at = lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1')));
  const column = validPart(Buffer.from(lines[at] ?? '', 'latin1')).length + 1;
  return `${file}:${at + 1}:${column}: this is not UTF-8 text`;
}

/** The longest part from the start that is UTF-8. */
function validPart(octets: Buffer): string {
  let valid = 0;
  for (let broken = octets.length; broken - valid > 1; ) {
    const middle = (valid + broken) >> 1;
    // A character that is cut off is not an error yet.
    if (isBeginningOfUtf8(octets.subarray(0, middle))) valid = middle;
    else broken = middle;
  }
  return new TextDecoder().decode(octets.subarray(0, valid), { stream: true });
}

function isBeginningOfUtf8(octets: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(octets, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** The sentence that says why a file cannot be read. `file` is its name in the sentence. */
export function unreadableBecause(error: unknown, file: string): string {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `there is no file ${file}.`;
    case 'EISDIR':
      return `${file} is a folder, not a file.`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not read ${file}.`;
    default:
      return `${file}: ${reasonOf(error)}`;
  }
}
