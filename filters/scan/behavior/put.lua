-- put writes bans, each with the next number, so that others can ask for what came after what they have seen.
-- KEYS: entries (name to JSON), order (name by number), ends (name by the time until which it is kept, ms), number, epoch
-- ARGV: an epoch for an empty Redis, now in ms, how many there may be; then for each ban name, ms since which it is, ms until
-- which it is kept, 1 where it replaces whatever is there (else the one that is kept longer stays), JSON
redis.call('SETNX', KEYS[5], ARGV[1])
local over = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[2], 'LIMIT', 0, 200)
for _, name in ipairs(over) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
  redis.call('ZREM', KEYS[3], name)
end
local room = tonumber(ARGV[3]) - redis.call('HLEN', KEYS[1])
-- lifted: somebody has lifted the ban since it was placed; whoever tells it now has not heard of that.
local function lifted(name, since)
  local ok, old = pcall(cjson.decode, redis.call('HGET', KEYS[1], name) or '{}')
  return ok and old.lifted and tonumber(old['until']) > tonumber(since)
end
for i = 4, #ARGV, 5 do
  local name, since, till, force, text = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local old = redis.call('ZSCORE', KEYS[3], name)
  local put = force == '1' or (old and tonumber(old) < tonumber(till))
  if not old then
    room = room - 1
    put = force == '1' or room >= 0
  end
  if put and not lifted(name, since) then
    redis.call('HSET', KEYS[1], name, text)
    redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[4]), name)
    redis.call('ZADD', KEYS[3], till, name)
  end
end
return redis.call('GET', KEYS[5])
