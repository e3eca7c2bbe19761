"""The scripts of the journal in Redis: each is atomic.

Keys of a journal, all in one slot of a cluster (`{job}`):

- `about`: its format and address, the number of all `rows`, and `sequence`, which counts all writes. Seeing a lower one
  than before means that Redis has lost writes.
- `runs`: the end of each run's lease, in milliseconds on Redis's own clock.
- `rows:B`: the rows of bucket B, by name: `<h or f><run>:<token>` (held or free, and the run), a newline, the entry.
- `proofs:B`: the IDs that prove rows, each with the bucket and name of its row.
- `counts`: how many fields each of those has (`rB`, `pB`): if there are fewer, something else has removed them.
- `unfinished`: the names of rows that are being sent, or in doubt.

All can be repeated, since a client whose connection broke may send one a second time.

`ROWS` runs the commands of many rows: sending and reading one costs a client more than the command itself.
"""

from __future__ import annotations

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
# KEYS: about, runs, counts, unfinished, rows:, proofs:. ARGV: floor, commands.
# A command is a list of texts: what to do, the run, the row's bucket, the proof's bucket, the row's name, ...
# Gives the sequence, and for each command what came of it and the row's entry.
ROWS = (
    _NOW
    + """
    local about, runs, counts, unfinished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
    local floor, commands = tonumber(ARGV[1]), cjson.decode(ARGV[2])
    local sequence = tonumber(redis.call('HGET', about, 'sequence') or 0)
    local gone = tonumber(redis.call('HGET', about, 'rows') or 0) > 0 and redis.call('EXISTS', counts) == 0
    local function lives(each) return tonumber(redis.call('HGET', runs, each) or 0) > now end
    local function whole(key, field)
        return redis.call('HLEN', key) == tonumber(redis.call('HGET', counts, field) or 0)
    end
    local function parse(row)
        if not row then return 'f', '', '', '' end
        local line = string.find(row, '\\n', 1, true)
        local colon = string.find(row, ':', 1, true)
        return string.sub(row, 1, 1), string.sub(row, 2, colon - 1), string.sub(row, colon + 1, line - 1),
            string.sub(row, line + 1)
    end
    local function counted() sequence = redis.call('HINCRBY', about, 'sequence', 1) end

    local steps = {}
    -- ..., token
    function steps.claim(row, token)
        if not lives(row.run) then return 'lapsed', '' end
        if row.mine and row.token == token then return 'ours', row.entry end
        if row.owner == row.run then return 'met', row.entry end
        if row.held and lives(row.owner) then return 'held', row.entry end
        -- Nobody sends a row that is done, so nothing has to be written.
        if string.find(row.entry, '"state":"done"', 1, true) then return 'done', row.entry end
        row.write('h', row.run, token, row.entry)
        return 'ours', row.entry
    end
    -- ..., entry, state, proof, kind of proof, h to hold the row or f to free it.
    -- What is done is done, even if another run has the row by now.
    function steps.record(row, entry, state, proof, kind, hold)
        if state == 'sending' then
            if not row.mine or not lives(row.run) then return 'lapsed', '' end
            row.write('h', row.run, row.token, entry)
            redis.call('SADD', unfinished, row.name)
            return 'recorded', ''
        end
        -- Nobody takes the row of a run that lives: if it is not its any more, this is a repetition.
        if not row.mine and state ~= 'done' then
            return (row.owner == row.run or lives(row.run)) and 'recorded' or 'lapsed', ''
        end
        if proof ~= '' then
            local proofs, field = KEYS[6] .. row.proofs, 'p' .. row.proofs
            if not whole(proofs, field) then return 'lost', '' end
            local there = redis.call('HGET', proofs, proof)
            local ours = row.bucket .. ':' .. row.name
            if there and there ~= ours and kind ~= 'answer' then return 'taken', '' end
            if there and there ~= ours then
                local colon = string.find(there, ':', 1, true)
                local key = KEYS[5] .. string.sub(there, 1, colon - 1)
                local other = string.sub(there, colon + 1)
                local flag, by, mark, text = parse(redis.call('HGET', key, other))
                if string.find(text, '"proof":"look"', 1, true) then
                    local known = cjson.decode(text)
                    known.state, known.proof, known.ids = 'in_doubt', nil, nil
                    known.message = 'the record that was found turned out to belong to another row'
                    redis.call('HSET', key, other, flag .. by .. ':' .. mark .. '\\n' .. cjson.encode(known))
                    redis.call('SADD', unfinished, other)
                end
            end
            if redis.call('HSET', proofs, proof, ours) == 1 then redis.call('HINCRBY', counts, field, 1) end
        end
        row.write(row.mine and hold or 'f', row.run, row.token, entry)
        redis.call(state == 'in_doubt' and 'SADD' or 'SREM', unfinished, row.name)
        return 'recorded', ''
    end
    function steps.release(row)
        if row.mine and row.entry == '' then
            redis.call('HDEL', row.rows, row.name)
            redis.call('HINCRBY', counts, 'r' .. row.bucket, -1)
            redis.call('HINCRBY', about, 'rows', -1)
            counted()
        elseif row.mine then
            row.write('f', '', '', row.entry)
        end
        return 'released', ''
    end

    local function step(what, run, bucket, proofs, name, ...)
        local row = {run = run, bucket = bucket, proofs = proofs, name = name, rows = KEYS[5] .. bucket}
        if gone or not whole(row.rows, 'r' .. bucket) then return 'lost', '' end
        local flag
        flag, row.owner, row.token, row.entry = parse(redis.call('HGET', row.rows, name))
        row.held = flag == 'h'
        row.mine = row.held and row.owner == run
        function row.write(to, by, mark, text)
            if redis.call('HSET', row.rows, name, to .. by .. ':' .. mark .. '\\n' .. text) == 1 then
                redis.call('HINCRBY', counts, 'r' .. bucket, 1)
                redis.call('HINCRBY', about, 'rows', 1)
            end
            counted()
        end
        return steps[what](row, ...)
    end

    local replies = {}
    local older = sequence < floor
    for index, command in ipairs(commands) do
        replies[index] = older and {'older', ''} or {step(unpack(command))}
    end
    return {sequence, cjson.encode(replies)}
    """
)
# KEYS: about, runs, counts, unfinished, rows:, proofs:. ARGV: run, floor, lease in ms, format, address, buckets
OPEN = (
    _NOW
    + """
    local about, runs, counts = KEYS[1], KEYS[2], KEYS[3]
    local format = redis.call('HGET', about, 'format')
    local address = redis.call('HGET', about, 'address')
    if format and format ~= ARGV[4] then return {'format', 0, format} end
    if address and ARGV[5] ~= '' and address ~= ARGV[5] then return {'address', 0, address} end
    if not address and ARGV[5] == '' then return {'nothing', 0, ''} end
    local known, keys = redis.call('HGETALL', counts), {}
    for bucket = 0, tonumber(ARGV[6]) - 1 do
        keys[#keys + 1] = KEYS[5] .. bucket
        keys[#keys + 1] = KEYS[6] .. bucket
    end
    local there, rows = redis.call('EXISTS', unpack(keys)), 0
    for i = 1, #known, 2 do
        local key = (string.sub(known[i], 1, 1) == 'r' and KEYS[5] or KEYS[6]) .. string.sub(known[i], 2)
        if redis.call('HLEN', key) ~= tonumber(known[i + 1]) then return {'lost', 0, key} end
        if known[i + 1] ~= '0' then there = there - 1 end
        if string.sub(known[i], 1, 1) == 'r' then rows = rows + known[i + 1] end
    end
    if there ~= 0 or rows ~= tonumber(redis.call('HGET', about, 'rows') or 0) then return {'lost', 0, 'counts'} end
    if not format and redis.call('EXISTS', runs, counts, KEYS[4]) > 0 then return {'lost', 0, 'about'} end
    if not format then redis.call('HSET', about, 'format', ARGV[4], 'address', ARGV[5]) end
    local others = redis.call('HGETALL', runs)
    for i = 1, #others, 2 do if tonumber(others[i + 1]) <= now then redis.call('HDEL', runs, others[i]) end end
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
