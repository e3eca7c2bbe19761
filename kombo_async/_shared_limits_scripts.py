"""The Redis scripts of `SharedLimits`; each runs atomically.

Places are a sorted set by the end of their leases; waiting processes are in one by how long they have waited, and in
another by when they last asked. All times are the server's, in milliseconds (the waiting order in microseconds).
"""

_BEGIN = """
local places, waiting, limit_key, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local process, lease, default_limit, wake = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
redis.call('ZREMRANGEBYSCORE', places, '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - 3000)) do
    redis.call('ZREM', waiting, gone)
    redis.call('ZREM', seen, gone)
end
local limit = tonumber(redis.call('GET', limit_key) or default_limit)
local function free()
    return limit - redis.call('ZCARD', places)
end
local function leave()
    redis.call('ZREM', waiting, process)
    redis.call('ZREM', seen, process)
end
local function wake_next(integration)
    local places_free = free()
    if places_free > 0 then
        for _, next_one in ipairs(redis.call('ZRANGE', waiting, 0, places_free - 1)) do
            if next_one ~= process then
                redis.call('RPUSH', wake .. next_one, integration)
                redis.call('LTRIM', wake .. next_one, -100, -1)
                redis.call('PEXPIRE', wake .. next_one, 5000)
            end
        end
    end
end
local function keep_for_a_day()
    for _, key in ipairs({places, waiting, seen}) do
        redis.call('PEXPIRE', key, 86400000)
    end
end
"""

ACQUIRE = (
    _BEGIN
    + """
local integration, place, wanted = ARGV[5], ARGV[6], tonumber(ARGV[7])
if redis.call('ZSCORE', places, place) then
    return 1
end
if not redis.call('ZSCORE', waiting, process) then
    redis.call('ZADD', waiting, micros, process)
end
redis.call('ZADD', seen, now, process)
local granted = 0
if redis.call('ZRANK', waiting, process) < free() then
    granted = 1
    redis.call('ZADD', places, now + lease, place)
    if wanted > 1 then
        redis.call('ZADD', waiting, micros, process)
    else
        leave()
    end
    wake_next(integration)
end
keep_for_a_day()
return granted
"""
)
"""Take a place if one is free and no process has waited longer. Repeating it with the same place changes nothing."""

RELEASE = (
    _BEGIN
    + """
local integration, place, wanted = ARGV[5], ARGV[6], tonumber(ARGV[7])
redis.call('ZREM', places, place)
if wanted == 0 then
    leave()
end
wake_next(integration)
return 1
"""
)
"""Give a place back, and wake the processes that have waited longest."""

RENEW = (
    _BEGIN
    + """
local kept = {}
for index = 6, #ARGV do
    if redis.call('ZSCORE', places, ARGV[index]) then
        redis.call('ZADD', places, now + lease, ARGV[index])
        table.insert(kept, ARGV[index])
    end
end
return kept
"""
)
"""Renew the leases of places; returns those that were still held."""
