-- get reads the bans that were written after a number.
-- KEYS: entries, order, number, epoch. ARGV: the number, how many at most
-- Returns the epoch, the last number given, the last number of those that follow, and their JSON.
local out = {redis.call('GET', KEYS[4]) or '', redis.call('GET', KEYS[3]) or '0', ARGV[1]}
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for i = 1, #found, 2 do
  local text = redis.call('HGET', KEYS[1], found[i])
  if text then out[#out + 1] = text end
  out[3] = found[i + 1]
end
return out
