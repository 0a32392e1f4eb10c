/**
 * The lines that an original client may have ended in a bare LF. Its published capture shows each request one octet
 * shorter than CR LF everywhere makes it, and CR LF after the first three lines; so it is one of the others.
 */
export const BARE_LF = ['connection', 'content-length', 'empty-line'] as const;
export type BareLf = (typeof BARE_LF)[number];
