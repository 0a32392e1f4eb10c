import test from 'ava';
import fc from 'fast-check';
import { TerminalDecoder, terminalText, terminalTextOf } from '../../../core/cli/terminal-text.js';

test('control characters are escaped', (t) => {
  t.is(terminalText('\x1b[2J\x07\x00\x7f\x9b'), '\\x1b[2J\\x07\\x00\\x7f\\x9b');
  t.is(terminalText('a\u202eb\u2028'), 'a\\u202eb\\u2028');
});

test('text, TAB and line ends are unchanged; a CR alone is escaped', (t) => {
  t.is(terminalText('é 값 🎉\tx\r\ny\nz\rw'), 'é 값 🎉\tx\ny\nz\\x0dw');
});

test('octets that are not UTF-8 are escaped, and the text between them is unchanged', (t) => {
  t.is(terminalTextOf(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xe4, 0x62, 0x80])), 'a\\xffé\\xe4b\\x80');
  t.is(terminalTextOf(Buffer.from('\ufffd')), '\ufffd');
});

test('the text is the same in any pieces', (t) => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.uint8Array().map((octets) => Buffer.from(octets)),
    fc.constant(Buffer.from('값\r\n🎉\r\rx\r')),
  );
  fc.assert(
    fc.property(anyText, fc.array(fc.nat({ max: 40 })), (octets, cuts) => {
      const decoder = new TerminalDecoder();
      let text = '';
      let from = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), octets.length]) {
        text += decoder.write(octets.subarray(from, Math.max(from, cut)));
        from = Math.max(from, cut);
      }
      t.is(text + decoder.end(), terminalTextOf(octets));
    }),
  );
});

test('no octets reach the terminal as control characters', (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), (octets) => {
      t.notRegex(terminalTextOf(octets), /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    }),
  );
});
