/**
 * The scripts that run inside the server, each atomically. An entry is packed as `created revision expiresAt value`
 * (expiresAt 0: it does not expire), so that a script needs to read only its head. Time is the server's, the only clock
 * that all servers share. Scripts replicate by their effects.
 *
 * Rule for the commit: read and judge everything before the first write, because a script is never rolled back. A
 * server without memory refuses the first write of a script and no later one.
 */
import { createHash } from 'node:crypto';

export interface Script {
  readonly text: string;
  readonly sha: string;
}

const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') });

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function isOver(packed)
  local expiresAt = tonumber(string.match(packed, '^%d+ %d+ (%d+) '))
  return expiresAt > 0 and expiresAt <= now
end
`;

/**
 * KEYS: entries, order, expiry, numbers, changes. ARGV: the number of changes to keep, the maximum number of entries to
 * sweep, the mark, 1 to commit or 0 to sweep only; then three lists, each with its length first: checks (key,
 * revision), puts (key, value, ttlMs or 0), deletes. Returns `ok, revision, key, packed, …` with the entries from
 * before, or `conflict, key`.
 */
export const COMMIT = script(`${NOW}
local entries, order, expiry, numbers, changes = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local at = 0
local function argument()
  at = at + 1
  return ARGV[at]
end
local function text(number) return string.format('%.0f', number) end

local keep, mostSwept, mark, commits = argument(), argument(), argument(), argument() == '1'
local counted = redis.call('HMGET', numbers, 'created', 'revision', 'told', 'mark')
local created, revision, told = tonumber(counted[1] or 0), tonumber(counted[2] or 0), tonumber(counted[3] or 0)

local found, expired, isExpired = {}, {}, {}
local function expire(key)
  if not isExpired[key] then
    isExpired[key] = true
    expired[#expired + 1] = key
  end
end
local function standing(key)
  if found[key] == nil then
    local packed = redis.call('HGET', entries, key)
    if packed and isOver(packed) then
      expire(key)
      packed = false
    end
    found[key] = packed
  end
  return found[key]
end

for _ = 1, tonumber(argument()) do
  local key, wanted = argument(), argument()
  local packed = standing(key)
  if (packed and string.match(packed, '^%d+ (%d+) ') or '0') ~= wanted then return {'conflict', key} end
end
local puts, deletes = {}, {}
for n = 1, tonumber(argument()) do
  puts[n] = {argument(), argument(), tonumber(argument())}
  standing(puts[n][1])
end
for n = 1, tonumber(argument()) do
  deletes[n] = argument()
  standing(deletes[n])
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', text(now), 'LIMIT', 0, mostSwept)) do expire(key) end

local function remove(key)
  redis.call('HDEL', entries, key)
  redis.call('ZREM', order, key)
  redis.call('ZREM', expiry, key)
end
-- An older jackfield may have written the last change without a mark, so the mark is stored with its revision.
local toldMark = string.match(counted[4] or '', '^' .. text(told) .. ' (%x+)$') or ''
local function tell(what, itsMark)
  redis.call('XADD', changes, 'MAXLEN', '~', keep, text(revision) .. '-1',
    'before', text(told), 'change', cjson.encode(what), 'mark', itsMark, 'markBefore', toldMark)
  told, toldMark = revision, itsMark
end

if #expired > 0 then
  revision = revision + 1
  local what = {}
  for n, key in ipairs(expired) do
    remove(key)
    what[n] = {'d', key}
  end
  tell(what, mark .. '0')
end

local answer = {'ok'}
if commits then
  revision = revision + 1
  answer[2] = text(revision)
  local what = {}
  for _, put in ipairs(puts) do
    local key, value, ttl = put[1], put[2], put[3]
    local before = found[key]
    local born
    if before then
      born = string.match(before, '^(%d+) ')
      answer[#answer + 1] = key
      answer[#answer + 1] = before
    else
      created = created + 1
      born = text(created)
    end
    local expiresAt = ttl > 0 and text(now + ttl) or '0'
    local packed = born .. ' ' .. text(revision) .. ' ' .. expiresAt .. ' ' .. value
    redis.call('HSET', entries, key, packed)
    if not before then redis.call('ZADD', order, born, key) end
    if ttl > 0 then
      redis.call('ZADD', expiry, expiresAt, key)
    elseif before and string.match(before, '^%d+ %d+ (%d+) ') ~= '0' then
      redis.call('ZREM', expiry, key)
    end
    what[#what + 1] = {'p', key, packed}
  end
  for _, key in ipairs(deletes) do
    if found[key] then
      answer[#answer + 1] = key
      answer[#answer + 1] = found[key]
      remove(key)
      what[#what + 1] = {'d', key}
    end
  end
  if #what > 0 then tell(what, mark .. '1') end
end
if commits or #expired > 0 then
  redis.call('HSET', numbers, 'format', '1', 'created', text(created), 'revision', text(revision), 'told', text(told),
    'mark', text(told) .. ' ' .. toldMark)
end
return answer
`);

/** KEYS: entries. ARGV: key. Returns the packed entry, or nothing. For entries that expire; others need no script. */
export const GET = script(`${NOW}
local packed = redis.call('HGET', KEYS[1], ARGV[1])
if packed and not isOver(packed) then return packed end
return false
`);

/**
 * KEYS: entries, order, numbers. ARGV: after, entries wanted, prefix, the maximum of entries to look at and of octets.
 * Returns `revision, the created of the last one looked at or '' if none follows, key, packed, …`.
 */
export const LIST = script(`${NOW}
local after, wanted, prefix = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local mostSeen, mostOctets = tonumber(ARGV[4]), tonumber(ARGV[5])
if prefix == '' then mostSeen = math.min(mostSeen, wanted) end
local members = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, string.format('%.0f', mostSeen))
local answer = {redis.call('HGET', KEYS[3], 'revision') or '0', ''}
local octets, count = 0, 0
for n = 1, #members, 2 do
  local key = members[n]
  if string.sub(key, 1, #prefix) == prefix then
    local packed = redis.call('HGET', KEYS[1], key)
    if packed and not isOver(packed) then
      answer[#answer + 1] = key
      answer[#answer + 1] = packed
      octets = octets + #packed
      count = count + 1
    end
  end
  if count == wanted or octets > mostOctets then
    answer[2] = members[n + 1]
    return answer
  end
end
if #members == 2 * mostSeen then answer[2] = members[#members] end
return answer
`);

/**
 * KEYS: numbers, changes. ARGV: after, the maximum number of changes. Returns `the last revision, the revision of the
 * last change, the revision before the oldest kept change or ''; revision and mark of the last change up to ARGV[1];
 * then revision, change, mark, …`.
 */
export const FOLLOWING = script(`
local counted = redis.call('HMGET', KEYS[1], 'revision', 'told', 'mark')
local told = counted[2] or '0'
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local answer = {counted[1] or '0', told, first and first[2][2] or ''}
if tonumber(ARGV[1]) >= tonumber(told) then
  answer[4] = told
  answer[5] = string.match(counted[3] or '', '^' .. told .. ' (%x+)$') or ''
else
  local last = redis.call('XREVRANGE', KEYS[2], ARGV[1] .. '-1', '-', 'COUNT', 1)[1]
  if last then
    answer[4], answer[5] = string.match(last[1], '^%d+'), last[2][6] or ''
  else
    answer[4], answer[5] = answer[3], first and first[2][8] or ''
  end
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], ARGV[1] .. '-2', '+', 'COUNT', ARGV[2])) do
  answer[#answer + 1] = string.match(entry[1], '^%d+')
  answer[#answer + 1] = entry[2][4]
  answer[#answer + 1] = entry[2][6] or ''
end
return answer
`);

/** KEYS: any key of the namespace, so that in a cluster its node answers. */
export const MEMORY = script(`return redis.call('INFO', 'memory')`);
