/** SAY /perch: says what it is told, as often as its options say. Errors: 422 where that is nothing. A class, marked without decorators. */
import { Handle, HttpError, inject, TOKENS } from 'jackfield';
import { z } from 'zod';

export default class Parrot {
  static plugin = { name: 'parrot', options: z.strictObject({ times: z.int().min(1).default(1) }) };

  constructor(options) {
    this.times = options.times;
  }

  async say(request) {
    const text = await request.text();
    if (text === '') throw new HttpError(422, 'Nothing was said.');
    return Array(this.times).fill(text).join(' ');
  }
}

inject(TOKENS.options)(Parrot, undefined, 0);
Handle('SAY', '/perch')(Parrot.prototype, 'say');
