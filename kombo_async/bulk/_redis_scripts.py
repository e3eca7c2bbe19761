"""The scripts of the journal in Redis: each does one thing to one row, atomically.

Keys of a journal, all in one slot of a cluster (`{job}`):

- `about`: its format and address, and `sequence`, which counts all writes. Seeing a lower one than before means
  that Redis has lost writes.
- `runs`: the end of each run's lease, in milliseconds on Redis's own clock.
- `rows:B`: the rows of bucket B, by name: `<h or f><run>:<token>` (held or free, and the run), a newline, the entry.
- `proofs:B`: the IDs that prove rows, each with the bucket and name of its row.
- `counts`: how many fields each of those has (`rB`, `pB`): if there are fewer, something else has removed them.
- `unfinished`: the names of rows that are being sent, or in doubt.

All can be repeated, since a client whose connection broke may send one a second time.
"""

from __future__ import annotations

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
# KEYS: about, runs, counts, unfinished, rows:B, proofs:B. ARGV: run, floor, the row's bucket, the proof's, name, ...
_BEGIN = (
    _NOW
    + """
    local about, runs, counts, unfinished, rows, proofs = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
    local run, floor, bucket, name = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[5]
    local sequence = tonumber(redis.call('HGET', about, 'sequence') or 0)
    if sequence < floor then return {'older', sequence, ''} end
    local function lives(each) return tonumber(redis.call('HGET', runs, each) or 0) > now end
    local function whole(key, field)
        return redis.call('HLEN', key) == tonumber(redis.call('HGET', counts, field) or 0)
    end
    if not whole(rows, 'r' .. bucket) then return {'lost', sequence, ''} end
    local function parse(row)
        if not row then return 'f', '', '', '' end
        local line = string.find(row, '\\n', 1, true)
        local colon = string.find(row, ':', 1, true)
        return string.sub(row, 1, 1), string.sub(row, 2, colon - 1), string.sub(row, colon + 1, line - 1),
            string.sub(row, line + 1)
    end
    local held, owner, token, entry = parse(redis.call('HGET', rows, name))
    local function write(flag, by, mark, text)
        local row = flag .. by .. ':' .. mark .. '\\n' .. text
        if redis.call('HSET', rows, name, row) == 1 then redis.call('HINCRBY', counts, 'r' .. bucket, 1) end
        sequence = redis.call('HINCRBY', about, 'sequence', 1)
    end
    """
)
# ARGV: ..., token
CLAIM = (
    _BEGIN
    + """
    if not lives(run) then return {'lapsed', sequence, ''} end
    if owner == run and held == 'h' and token == ARGV[6] then return {'ours', sequence, entry} end
    if owner == run then return {'met', sequence, entry} end
    if held == 'h' and lives(owner) then return {'held', sequence, entry} end
    write('h', run, ARGV[6], entry)
    return {'ours', sequence, entry}
    """
)
# ARGV: ..., entry, state, proof, kind of proof, h to hold the row or f to free it. What is done is done, whoever has
# the row by now.
RECORD = (
    _BEGIN
    + """
    local mine = owner == run and held == 'h'
    local state, proof, kind = ARGV[7], ARGV[8], ARGV[9]
    if state == 'sending' then
        if not mine or not lives(run) then return {'lapsed', sequence, ''} end
        write('h', run, token, ARGV[6])
        redis.call('SADD', unfinished, name)
        return {'recorded', sequence, ''}
    end
    if not mine and state ~= 'done' then return {owner == run and 'recorded' or 'lapsed', sequence, ''} end
    if proof ~= '' then
        local field = 'p' .. ARGV[4]
        if not whole(proofs, field) then return {'lost', sequence, ''} end
        local there = redis.call('HGET', proofs, proof)
        local ours = bucket .. ':' .. name
        if there and there ~= ours and kind ~= 'answer' then return {'taken', sequence, ''} end
        if there and there ~= ours then
            local colon = string.find(there, ':', 1, true)
            local key = string.gsub(rows, '%d+$', string.sub(there, 1, colon - 1))
            local other = string.sub(there, colon + 1)
            local flag, by, mark, text = parse(redis.call('HGET', key, other))
            if string.find(text, '"proof":"look"', 1, true) then
                local known = cjson.decode(text)
                known.state, known.proof, known.ids = 'in_doubt', nil, nil
                known.message = 'what was found turned out to be another row'
                redis.call('HSET', key, other, flag .. by .. ':' .. mark .. '\\n' .. cjson.encode(known))
                redis.call('SADD', unfinished, other)
            end
        end
        if redis.call('HSET', proofs, proof, ours) == 1 then redis.call('HINCRBY', counts, field, 1) end
    end
    write(mine and ARGV[10] or 'f', run, token, ARGV[6])
    redis.call(state == 'in_doubt' and 'SADD' or 'SREM', unfinished, name)
    return {'recorded', sequence, ''}
    """
)
RELEASE = (
    _BEGIN
    + """
    if owner == run and held == 'h' then
        if entry == '' then
            redis.call('HDEL', rows, name)
            redis.call('HINCRBY', counts, 'r' .. bucket, -1)
            sequence = redis.call('HINCRBY', about, 'sequence', 1)
        else
            write('f', '', '', entry)
        end
    end
    return {'released', sequence, ''}
    """
)
# KEYS: about, runs, counts, unfinished, rows:0, proofs:0. ARGV: run, floor, lease in ms, format, address, buckets
OPEN = (
    _NOW
    + """
    local about, runs, counts = KEYS[1], KEYS[2], KEYS[3]
    local function at(key, bucket) return (string.gsub(key, '%d+$', bucket)) end
    local format = redis.call('HGET', about, 'format')
    local address = redis.call('HGET', about, 'address')
    if format and format ~= ARGV[4] then return {'format', 0, format} end
    if address and ARGV[5] ~= '' and address ~= ARGV[5] then return {'address', 0, address} end
    if not address and ARGV[5] == '' then return {'nothing', 0, ''} end
    for bucket = 0, tonumber(ARGV[6]) - 1 do
        local r = redis.call('HLEN', at(KEYS[5], bucket)) - tonumber(redis.call('HGET', counts, 'r' .. bucket) or 0)
        local p = redis.call('HLEN', at(KEYS[6], bucket)) - tonumber(redis.call('HGET', counts, 'p' .. bucket) or 0)
        if r ~= 0 or p ~= 0 then return {'lost', 0, tostring(math.min(r, p))} end
    end
    if not format and redis.call('EXISTS', runs, counts, KEYS[4]) > 0 then return {'lost', 0, 'about'} end
    if not format then redis.call('HSET', about, 'format', ARGV[4], 'address', ARGV[5]) end
    local known = redis.call('HGETALL', runs)
    for i = 1, #known, 2 do if tonumber(known[i + 1]) <= now then redis.call('HDEL', runs, known[i]) end end
    redis.call('HSET', runs, ARGV[1], now + ARGV[3])
    return {'open', redis.call('HINCRBY', about, 'sequence', 1), ''}
    """
)
# As OPEN. A run whose lease has lapsed cannot renew it: others may have its rows by now.
RENEW = (
    _NOW
    + """
    local sequence = tonumber(redis.call('HGET', KEYS[1], 'sequence') or 0)
    if sequence < tonumber(ARGV[2]) then return {'older', sequence, ''} end
    if tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0) <= now then return {'lapsed', sequence, ''} end
    redis.call('HSET', KEYS[2], ARGV[1], now + ARGV[3])
    return {'renewed', sequence, ''}
    """
)
# As OPEN. Whether a run lives.
LIVES = (
    _NOW
    + """
    for _, each in ipairs(redis.call('HVALS', KEYS[2])) do
        if tonumber(each) > now then return {'lives', 0, ''} end
    end
    return {'free', 0, ''}
    """
)
