/** Where a connection stands, and where it may go from there. */
export type Phase =
  | 'idle' // between requests, nothing received
  | 'reading' // a request's head is on its way
  | 'handling' // a handler has the request; its body may still be on its way
  | 'writing' // an answer is chosen and being sent
  | 'draining' // our direction is ended; what still comes is thrown away (RFC 9112 §9.6)
  | 'closed';

export const TRANSITIONS: { readonly [From in Phase]: readonly Phase[] } = {
  idle: ['reading', 'draining', 'closed'],
  reading: ['idle', 'handling', 'draining', 'closed'],
  handling: ['writing', 'draining', 'closed'],
  writing: ['idle', 'reading', 'draining', 'closed'],
  draining: ['closed'],
  closed: [],
};
