// What every server answers, so that they are compared doing the same.
export const GREETING = 'No data in DB';
export const HUNDRED_KIB = 102_400;
const PIECE = Buffer.alloc(10_240, 'x');

/** 100 KiB in ten pieces. */
export async function* pieces() {
  for (let at = 0; at < 10; at++) yield PIECE;
}

/** How many further routes are registered. */
export const routes = () => Number(process.env.ROUTES ?? 0);
