/** Everything that a plugin may import from the core, and nothing else. It only re-exports. */
export type {
  CurrentState,
  FileOptions,
  ResponseBody,
  ResponseParts,
  ResponseValue,
  ShownResponse,
  TakeOver,
  Trailers,
} from './api/answer.js';
export {
  definePlugin,
  type HandleOptions,
  type Handler,
  type Hooks,
  type Outcome,
  type Plugin,
  type PluginContext,
  type ServerStats,
  type Storage,
  type Unread,
} from './api/plugin.js';
export type { InterimResponse, ParamsOf, Request } from './api/request.js';
export { lazyOptions } from './config/lazy-options.js';
export type { StandardSchema } from './config/standard-schema.js';
export { JackfieldError } from './errors.js';
export { HOLDS_HEAD } from './exchange/answer-source.js';
export { logFields, type RequestState, requestState } from './exchange/request-state.js';
export { precondition } from './handlers/conditional.js';
export { file } from './handlers/file.js';
export { HttpError } from './handlers/http-error.js';
export { pathMatcher } from './handlers/path-matcher.js';
export type {
  ClaimedHead,
  Dialect,
  DialectAnswer,
  DialectContext,
  DialectWrite,
  RefusedHead,
} from './http/dialect.js';
export { isSameOrigin } from './http/origin-field.js';
export { requestedProtocols } from './http/protocols.js';
export { reasonPhrase } from './http/reason-phrases.js';
export type { Log } from './log.js';
export type { MaybePromise } from './maybe-promise.js';
export { Handle, Hook } from './plugin-host/marks.js';
export type {
  Change,
  CommitResult,
  Committed,
  Entry,
  Listing,
  Page,
  Position,
  Supports,
  WatchedChange,
} from './storage/contract.js';
export { fromClient } from './storage/contract.js';
