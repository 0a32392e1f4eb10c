/** SAY /perch: says what it is told, as often as its options say. A class, marked without decorators. */
import { Handle, inject, TOKENS } from 'jackfield';
import { z } from 'zod';

export default class Parrot {
  static plugin = { name: 'parrot', options: z.strictObject({ times: z.int().min(1).default(1) }) };

  constructor(options) {
    this.times = options.times;
  }

  async say(request) {
    const text = await request.text();
    return Array(this.times).fill(text).join(' ');
  }
}

inject(TOKENS.options)(Parrot, undefined, 0);
Handle('SAY', '/perch')(Parrot.prototype, 'say');
