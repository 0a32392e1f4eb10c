import test from 'ava';
import { giveBack, lentCopy, ownMemory } from '../../../core/exchange/lent-octets.js';

const piece = (octets: number, fill: string): Buffer => Buffer.alloc(octets, fill);

test('memory is used again only after it was given back, and once', (t) => {
  const first = lentCopy(piece(60_000, 'a'));
  const second = lentCopy(piece(60_000, 'b'));
  t.not(first.buffer, second.buffer);
  giveBack(first);
  giveBack(first);
  const third = lentCopy(piece(30_000, 'c'));
  const fourth = lentCopy(piece(30_000, 'd'));
  t.is(third.buffer, first.buffer);
  t.not(fourth.buffer, first.buffer);
  t.true(second.equals(piece(60_000, 'b')));
  t.true(third.equals(piece(30_000, 'c')));
});

test('small pieces, and octets that were not lent, are not taken back', (t) => {
  const small = lentCopy(piece(100, 'a'));
  const others = piece(60_000, 'b');
  giveBack(small);
  giveBack(others);
  const next = lentCopy(piece(60_000, 'c'));
  t.not(next.buffer, small.buffer);
  t.not(next.buffer, others.buffer);
});

test('a piece that a reader keeps takes at most twice its size', (t) => {
  const kept = ownMemory(lentCopy(piece(20_000, 'a')));
  t.true(kept.equals(piece(20_000, 'a')));
  t.true(kept.buffer.byteLength <= 40_000);
  const large = lentCopy(piece(60_000, 'b'));
  t.is(ownMemory(large), large);
});
