/** An exchange as its connection has it, with what only the layers above exchanges know. */
import type { Exchange } from '../exchange/exchange.js';
import type { Refusal } from '../handlers/answer.js';
import type { Dispatcher } from '../handlers/dispatcher.js';

export interface ServedExchange extends Exchange {
  readonly dispatcher: Dispatcher;
  /** Set once the server refuses the request by itself: from then on no answer of a handler is sent. */
  refusal: Refusal | undefined;
}
