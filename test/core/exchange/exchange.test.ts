/** The states of an answer: the exchange follows its table. */
import test from 'ava';
import { DEFAULT_LIMITS } from '../../../core/config/limits.js';
import { JackfieldError } from '../../../core/errors.js';
import { ANSWER, ANSWER_TRANSITIONS, type AnswerState, Exchange } from '../../../core/exchange/exchange.js';
import { ExchangeRequest } from '../../../core/exchange/exchange-request.js';
import { RequestParser } from '../../../core/http/parser.js';
import { silentLog } from '../../../core/log.js';

const STATES = Object.keys(ANSWER) as AnswerState[];

function exchange(): { exchange: Exchange; calls: string[] } {
  const parser = new RequestParser({ ...DEFAULT_LIMITS, claim: () => undefined });
  parser.feed(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
  parser.next();
  const calls: string[] = [];
  const dispatcher = { log: silentLog, watchesClose: false, closed: () => void calls.push('closed') };
  const counting = { end: () => void calls.push('counted') };
  const peer = { protocol: 'http', remoteAddress: '127.0.0.1' } as const;
  const request = new ExchangeRequest(parser.head!, peer);
  return { exchange: new Exchange(request, undefined, dispatcher, counting, false), calls };
}

const INTO: { readonly [State in Exclude<AnswerState, 'open'>]: (one: Exchange) => void } = {
  refused: (one) => one.refuse(),
  answered: (one) => one.answered(),
  begun: (one) => one.beginHead(200, undefined, false),
  written: (one) => one.written(),
  lost: (one) => one.lose(new JackfieldError('CONNECTION_LOST')),
};

/** A shortest path to each state. */
const WAYS: { readonly [State in AnswerState]: readonly (keyof typeof INTO)[] } = {
  open: [],
  refused: ['refused'],
  answered: ['answered'],
  begun: ['answered', 'begun'],
  written: ['answered', 'written'],
  lost: ['lost'],
};

for (const from of STATES) {
  test(`from ${from}, an exchange can change only to the states in the table`, (t) => {
    for (const to of STATES) {
      if (to === 'open') continue;
      const { exchange: one } = exchange();
      for (const step of WAYS[from]) INTO[step](one);
      // A written answer cannot be lost any more, but the connection may still end.
      if (ANSWER_TRANSITIONS[from].includes(to) || (from === 'written' && to === 'lost'))
        t.notThrows(() => INTO[to](one));
      else
        t.throws(() => INTO[to](one), {
          instanceOf: TypeError,
          message: `An exchange does not go from ${from} to ${to}.`,
        });
    }
  });
}

test('an exchange is over once, when it is written or lost', (t) => {
  for (const end of ['written', 'lost'] as const) {
    const { exchange: one, calls } = exchange();
    one.answered();
    t.deepEqual(calls, []);
    INTO[end](one);
    t.deepEqual(calls, ['counted', 'closed']);
    t.is(one.isWritten, end === 'written');
    t.is(one.isDone, end === 'written');
    if (end === 'written') INTO.lost(one);
    t.deepEqual(calls, ['counted', 'closed']);
    t.is(one.isWritten, end === 'written');
  }
});
