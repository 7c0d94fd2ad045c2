-- The accounts of ratelimit in Redis, by the same whole-number arithmetic as in the process (token_bucket.go,
-- fixed_window.go, sliding_window.go), on Redis's own clock. All accounts of one request are decided in one call: taken from
-- all that fit if all that are not optional fit, else from none.
--
-- KEYS: one hash an account: n and a as state's n and at, k its algorithm, c its capacity and t its window in the policy that
-- wrote it (another policy scales what was used), e the ms at which it expires, s0 to s8 its slots.
-- ARGV: op (take, look, settle, raise), now in µs (0 is Redis's clock), then FIELDS values for each key.
-- Returns granted, then fits, wait, used, reset, mark, units for each key. Numbers stay below 2^53, where doubles are exact, and
-- Redis writes them as whole ones.
local FIELDS, SLOTS, MOST = 10, 9, 9007199254740992
local call, max, min, format = redis.call, math.max, math.min, string.format
local op, now = ARGV[1], tonumber(ARGV[2])
if now == 0 then
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end
local function up(x, y) -- x / y rounded up, exactly
  local r = x % y
  return (x - r) / y + (r > 0 and 1 or 0)
end
local function down(x, y) return (x - x % y) / y end

local function turn(s) -- s as it is now
  local kind = s.kind
  if kind == 'bucket' then
    local dt = now - s.a
    if dt > 0 then
      if dt > down(s.n, s.p) then s.n = 0 else s.n = s.n - dt * s.p end
      s.a = now
    end
  elseif kind == 'fixed' then
    local start = now - now % s.per
    if start > s.a then
      local passed = (start - s.a) / s.per
      if passed > down(s.n, s.cap) then s.n = 0 else s.n = max(s.n - passed * s.cap, 0) end
      s.a = start
    end
  else
    local at = down(now, s.slot)
    for i = max(s.a + 1, at - SLOTS + 1), at do
      local j = i % SLOTS
      s.n = s.n - s.slots[j]
      s.slots[j] = 0
      s.dirty[j] = true
    end
    s.a = max(s.a, at)
  end
end

local function read(s, cost) -- wait, used, reset
  local kind, n = s.kind, s.n
  if kind == 'bucket' then
    local over = n + (cost - s.cap) * s.q
    return over > 0 and up(over, s.p) or 0, up(n, s.q), up(n, s.p)
  elseif kind == 'fixed' then
    local over = n + cost - s.cap
    return over > 0 and s.a + up(over, s.cap) * s.per - now or 0, n, n > 0 and s.a + up(n, s.cap) * s.per - now or 0
  end
  local over, wait, reset = n + cost - s.cap, 0, 0
  for i = max(s.a - SLOTS + 1, 0), s.a do
    local m = s.slots[i % SLOTS]
    if m > 0 then
      local leaves = (i + SLOTS) * s.slot - now
      if over > 0 then wait = leaves end
      over, reset = over - m, leaves
    end
  end
  return wait, n, reset
end

local function add(s, amount) -- the mark that giving back wants
  if s.kind == 'bucket' then
    if amount > down(MOST - s.n, s.q) then s.n = MOST else s.n = s.n + amount * s.q end
    return s.a + up(s.n, s.p)
  elseif s.kind == 'fixed' then
    s.n = min(s.n + amount, MOST)
    return s.a
  end
  local j = s.a % SLOTS
  local fits = min(amount, 4294967295 - s.slots[j])
  s.slots[j], s.n, s.dirty[j] = s.slots[j] + fits, s.n + fits, true
  return s.a
end

local function back(s, amount, mark) -- undoes what time has not
  if s.kind == 'bucket' then
    s.n = max(s.n - min(amount * s.q, max(mark - now, 0) * s.p), 0)
  elseif s.kind == 'fixed' then
    if mark == s.a then s.n = max(s.n - amount, 0) end
  elseif mark > s.a - SLOTS and mark <= s.a and mark >= 0 then
    local j = mark % SLOTS
    local n = min(amount, s.slots[j])
    s.slots[j], s.n, s.dirty[j] = s.slots[j] - n, s.n - n, true
  end
end

local function open(i) -- the account of KEYS[i]
  local at, key, h = 2 + (i - 1) * FIELDS, KEYS[i], nil
  local kind, cap, q, per = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local s = {key = key, kind = kind, cap = cap, p = tonumber(ARGV[at + 3]), q = q, per = per, slot = tonumber(ARGV[at + 6]),
    units = tonumber(ARGV[at + 7]), least = tonumber(ARGV[at + 8]), optional = ARGV[at + 9] == '1', mark = tonumber(ARGV[at + 10]), c = cap * q}
  if kind == 'sliding' then
    h = call('HMGET', key, 'n', 'a', 'k', 'c', 't', 'e', 's0', 's1', 's2', 's3', 's4', 's5', 's6', 's7', 's8')
    s.slots, s.dirty = {}, {}
    for j = 0, SLOTS - 1 do s.slots[j] = tonumber(h[7 + j] or 0) end
  else
    h = call('HMGET', key, 'n', 'a', 'k', 'c', 't', 'e')
  end
  s.n, s.a, s.e = tonumber(h[1] or 0), tonumber(h[2] or 0), tonumber(h[6] or 0)
  local was, c = h[3], tonumber(h[4] or 0)
  s.known = was == kind and c == s.c and tonumber(h[5]) == per
  if was and not s.known then -- another policy's: the same share is used up
    s.n = math.ceil(s.n / c * s.c)
    if was ~= kind or kind ~= 'bucket' then
      s.a = now
      if kind == 'fixed' then s.a = now - now % per end
      if kind == 'sliding' then
        s.a = down(now, s.slot)
        for j = 0, SLOTS - 1 do s.slots[j], s.dirty[j] = 0, true end
        s.slots[s.a % SLOTS] = s.n
      end
    end
  end
  turn(s)
  return s
end

local function keep(s, reset)
  if reset <= 0 then
    call('DEL', s.key)
    return
  end
  local ms = down(now, 1000)
  local gone = ms + up(reset, 1000) + 1000
  if s.e >= gone and s.known then
    call('HSET', s.key, 'n', format('%d', s.n), 'a', format('%d', s.a))
  else -- for some time ahead: it need not be said each time
    s.e = gone + min(down(s.per, 1000), 60000)
    call('HSET', s.key, 'n', s.n, 'a', s.a, 'k', s.kind, 'c', s.c, 't', s.per, 'e', s.e)
    call('PEXPIRE', s.key, s.e - ms)
  end
  if s.dirty then
    for j in pairs(s.dirty) do call('HSET', s.key, 's' .. j, format('%d', s.slots[j])) end
  end
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
  s.wait = wait
  granted = granted and (wait == 0 or s.optional)
end
local out, o = {granted and 1 or 0}, 1
for i = 1, #KEYS do
  local s = all[i]
  local mark, changed = 0, true
  if op == 'take' and granted and s.wait == 0 then
    mark = add(s, s.units)
  elseif op == 'settle' then
    if s.units >= 0 then add(s, s.units) else back(s, -s.units, s.mark) end
  else
    changed = false
    if op == 'raise' then
      local _, used = read(s, 0)
      changed = s.units > used
      if changed then add(s, s.units - used) end
    end
  end
  local _, used, reset = read(s, 0)
  if changed then keep(s, reset) end
  out[o + 1], out[o + 2], out[o + 3], out[o + 4], out[o + 5], out[o + 6] = s.wait == 0 and 1 or 0, s.wait, used, reset, mark, s.units
  o = o + 6
end
return out
