// The answers that all servers give, so that they do the same work.
export const GREETING = 'No data in DB';
export const HUNDRED_KIB = 102_400;
const PIECE = Buffer.alloc(10_240, 'x');

/** 100 KiB in ten pieces. */
export async function* pieces() {
  for (let at = 0; at < 10; at++) yield PIECE;
}

/** The number of additional routes. */
export const routes = () => Number(process.env.ROUTES ?? 0);
