/** Where a connection stands, and where it may go from there. */
export type Phase =
  | 'idle' // between requests, nothing received
  | 'reading' // a request's head is on its way
  | 'handling' // a handler has the request; its body may still be on its way
  | 'writing' // an answer is chosen and being sent
  | 'draining' // our direction is ended; what still comes is thrown away (RFC 9112 §9.6)
  | 'closed';

export const TRANSITIONS: { readonly [From in Phase]: { readonly [To in Phase]?: true } } = {
  idle: { reading: true, handling: true, draining: true, closed: true },
  reading: { idle: true, handling: true, draining: true, closed: true },
  handling: { writing: true, draining: true, closed: true },
  writing: { idle: true, reading: true, handling: true, draining: true, closed: true },
  draining: { closed: true },
  closed: {},
};
