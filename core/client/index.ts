/** The module `jackfield/client`: clients of both protocols, and files of exchanges to run against a server. */
export { JackfieldError } from '../errors.js';
export { type ClassicCase, type ExpectedResponse, parseCases, readCases } from './case-file.js';
export { type BareLf, ClassicClient, type ClassicRequest, classicRequestOctets } from './classic-client.js';
export { compareClassic } from './compare-classic.js';
export {
  type HttpFileRequest,
  httpRequestOctets,
  parseHttpFile,
  readHttpFile,
  runHttpFile,
} from './http-file.js';
export { type CaseOptions, runCases } from './run-cases.js';
export type { ExchangeResult, RunOptions } from './run-exchanges.js';
export type { ConnectOptions, Outcome } from './wire-connection.js';
export type { WireResponse } from './wire-response.js';
