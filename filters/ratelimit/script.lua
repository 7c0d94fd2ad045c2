-- The accounts of ratelimit in Redis, by the same whole-number arithmetic as in the process (token_bucket.go,
-- fixed_window.go, sliding_window.go), on Redis's own clock. All accounts of one request are decided in one call: taken from
-- all that fit if all that are not optional fit, else from none.
--
-- KEYS: one hash an account: n and a as state's n and at, k its algorithm, c its capacity and t its window in the policy that
-- wrote it (another policy scales what was used), s0 to s8 its slots.
-- ARGV: op (take, look, settle, raise), now in µs (0 is Redis's clock), then FIELDS values for each key.
-- Returns granted, then fits, wait, used, reset, mark, units for each key. Numbers stay below 2^53, where doubles are exact.
local FIELDS, SLOTS, MOST = 10, 9, 9007199254740992
local op, now = ARGV[1], tonumber(ARGV[2])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local floor, fmod, max, min = math.floor, math.fmod, math.max, math.min
local function whole(x) return string.format('%.0f', x) end
local function up(x, y) -- x / y rounded up, exactly
  local r = fmod(x, y)
  return (x - r) / y + (r > 0 and 1 or 0)
end
local function down(x, y) return (x - fmod(x, y)) / y end

local function turn(s) -- s as it is now
  if s.kind == 'bucket' then
    local dt = now - s.a
    if dt > 0 then
      if dt > down(s.n, s.p) then s.n = 0 else s.n = s.n - dt * s.p end
      s.a = now
    end
  elseif s.kind == 'fixed' then
    local start = now - fmod(now, s.per)
    if start > s.a then
      local passed = (start - s.a) / s.per
      if passed > down(s.n, s.cap) then s.n = 0 else s.n = max(s.n - passed * s.cap, 0) end
      s.a = start
    end
  else
    local at = down(now, s.slot)
    for i = max(s.a + 1, at - SLOTS + 1), at do
      local j = fmod(i, SLOTS)
      s.n = s.n - s.slots[j]
      s.slots[j] = 0
    end
    s.a = max(s.a, at)
  end
end

local function read(s, cost) -- wait, used, reset
  if s.kind == 'bucket' then
    local over = s.n + (cost - s.cap) * s.q
    return over > 0 and up(over, s.p) or 0, up(s.n, s.q), up(s.n, s.p)
  elseif s.kind == 'fixed' then
    local over = s.n + cost - s.cap
    return over > 0 and s.a + up(over, s.cap) * s.per - now or 0, s.n, s.n > 0 and s.a + up(s.n, s.cap) * s.per - now or 0
  end
  local over, wait, reset = s.n + cost - s.cap, 0, 0
  for i = max(s.a - SLOTS + 1, 0), s.a do
    local n = s.slots[fmod(i, SLOTS)]
    if n > 0 then
      local leaves = (i + SLOTS) * s.slot - now
      if over > 0 then wait = leaves end
      over, reset = over - n, leaves
    end
  end
  return wait, s.n, reset
end

local function add(s, amount) -- the mark that giving back wants
  if s.kind == 'bucket' then
    if amount > down(MOST - s.n, s.q) then s.n = MOST else s.n = s.n + amount * s.q end
    return s.a + up(s.n, s.p)
  elseif s.kind == 'fixed' then
    s.n = min(s.n + amount, MOST)
    return s.a
  end
  local j = fmod(s.a, SLOTS)
  local fits = min(amount, 4294967295 - s.slots[j])
  s.slots[j], s.n = s.slots[j] + fits, s.n + fits
  return s.a
end

local function back(s, amount, mark) -- undoes what time has not
  if s.kind == 'bucket' then
    s.n = max(s.n - min(amount * s.q, max(mark - now, 0) * s.p), 0)
  elseif s.kind == 'fixed' then
    if mark == s.a then s.n = max(s.n - amount, 0) end
  elseif mark > s.a - SLOTS and mark <= s.a and mark >= 0 then
    local j = fmod(mark, SLOTS)
    local n = min(amount, s.slots[j])
    s.slots[j], s.n = s.slots[j] - n, s.n - n
  end
end

local function open(i) -- the account of KEYS[i]
  local at = 2 + (i - 1) * FIELDS
  local function arg(j) return tonumber(ARGV[at + j]) end
  local s = {key = KEYS[i], kind = ARGV[at + 1], cap = arg(2), p = arg(3), q = arg(4), per = arg(5), slot = arg(6),
    units = arg(7), least = arg(8), optional = arg(9) == 1, mark = arg(10), slots = {}}
  s.c = s.cap * s.q
  local h = redis.call('HMGET', s.key, 'n', 'a', 'k', 'c', 't', 's0', 's1', 's2', 's3', 's4', 's5', 's6', 's7', 's8')
  s.n, s.a = tonumber(h[1] or 0), tonumber(h[2] or 0)
  for j = 0, SLOTS - 1 do s.slots[j] = tonumber(h[6 + j] or 0) end
  local kind, c, t = h[3], tonumber(h[4] or 0), tonumber(h[5] or 0)
  if kind and (kind ~= s.kind or c ~= s.c or t ~= s.per) then -- another policy's: the same share is used up
    s.n = math.ceil(s.n / c * s.c)
    if kind ~= s.kind or s.kind ~= 'bucket' then
      for j = 0, SLOTS - 1 do s.slots[j] = 0 end
      s.a = now
      if s.kind == 'fixed' then s.a = now - fmod(now, s.per) end
      if s.kind == 'sliding' then
        s.a = down(now, s.slot)
        s.slots[fmod(s.a, SLOTS)] = s.n
      end
    end
  end
  turn(s)
  return s
end

local function keep(s)
  local _, _, reset = read(s, 0)
  if reset <= 0 then
    redis.call('DEL', s.key)
    return
  end
  redis.call('HSET', s.key, 'n', whole(s.n), 'a', whole(s.a), 'k', s.kind, 'c', whole(s.c), 't', whole(s.per))
  if s.kind == 'sliding' then
    local f = {}
    for j = 0, SLOTS - 1 do
      f[#f + 1] = 's' .. j
      f[#f + 1] = whole(s.slots[j])
    end
    redis.call('HSET', s.key, unpack(f))
  end
  redis.call('PEXPIRE', s.key, whole(up(reset, 1000) + 1000))
end

local granted, all = true, {}
for i = 1, #KEYS do
  local s = open(i)
  all[i] = s
  local wait, used = read(s, s.units)
  if wait > 0 and s.least > 0 and s.cap - used >= s.least then
    s.units = min(s.units, s.cap - used)
    wait = read(s, s.units)
  end
  s.wait, s.fits = wait, wait == 0
  granted = granted and (s.fits or s.optional)
end
local out = {granted and 1 or 0}
for i = 1, #KEYS do
  local s = all[i]
  local mark = 0
  if op == 'take' and granted and s.fits then
    mark = add(s, s.units)
    keep(s)
  elseif op == 'settle' then
    if s.units >= 0 then add(s, s.units) else back(s, -s.units, s.mark) end
    keep(s)
  elseif op == 'raise' then
    local _, used = read(s, 0)
    if s.units > used then
      add(s, s.units - used)
      keep(s)
    end
  end
  local _, used, reset = read(s, 0)
  for _, v in ipairs({s.fits and 1 or 0, s.wait, used, reset, mark, s.units}) do out[#out + 1] = v end
end
return out
