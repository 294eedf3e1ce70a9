-- What the connections ask for, and what came of it as one line of JSON.
--
--     wrk -tN -cN -s load.lua ADDRESS -- N [EVERY SECONDS FIELD NONCE TEXTS]
--
-- With N alone all requests are reads. Otherwise one in EVERY is a post, a connection's first as well, of a text that
-- no other has, in FIELD of a form: a line of the file TEXTS, which is urlencoded, with NONCE and numbers behind it.
-- No request begins after SECONDS; wrk has to run longer, so that the answers still on their way are seen.
--
-- Each thread of wrk has a Lua state of its own. As it has one connection, what is answered is what was asked last.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int clock, moment *now);")

-- A server of several processes gives a connection to one of them, and with bad luck all to the same while the others
-- stand idle. So each connection is opened anew after so long, one after the other, and no luck lasts.
local CONNECTION_SECONDS = 0.2
local CLOCK_MONOTONIC = 1
local POST_TYPE = "application/x-www-form-urlencoded"

local moment = ffi.new("moment")
local threads = {}
local count, every, seconds, field, nonce, texts
local read, last_read, opened
local answered, post_count = 0, 0

-- What done() takes from the threads; `sent` and `post`, the post's number, are of the request that is on its way.
answers, began, ended = {}, 0, 0
sent, post = nil, nil

local function now()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

function init(args)
  count = tonumber(args[1])
  opened = now() - CONNECTION_SECONDS * number / count
  read = wrk.format()
  wrk.headers["Connection"] = "close"
  last_read = wrk.format()
  if args[2] then
    every, seconds, field, nonce, texts = tonumber(args[2]), tonumber(args[3]), args[4], args[5], {}
    for line in io.lines(args[6]) do texts[#texts + 1] = line end
    response = note
  end
end

local function next_post(is_last)
  -- A number is not used again where its answer was lost, for the text may have been stored.
  post, post_count = post_count, post_count + 1
  local text = texts[(post * count + number) % #texts + 1]
  local body = string.format("%s=%s+(%s-%d-%d)", field, text, nonce, number, post)
  return wrk.format("POST", nil, {["Content-Type"] = POST_TYPE, ["Connection"] = is_last and "close" or nil}, body)
end

function request()
  local begin = now()
  local is_last = begin - opened > CONNECTION_SECONDS
  if is_last then opened = begin end
  local message = is_last and last_read or read
  if every then
    post = nil
    if answered == 0 then began = begin end
    if answered % every == 0 then message = next_post(is_last) end
    sent = now()
  end
  return message
end

local function answer(by, number_of_post, took, status)
  return string.format("[%d, %s, %.6f, %d]", by, number_of_post or "null", took, status)
end

function note(status)
  ended, answered = now(), answered + 1
  answers[answered] = answer(number, post, ended - sent, status)
  sent = nil
  if ended - began > seconds then wrk.thread:stop() end
end

function done(summary, latency, requests)
  local errors, all, longest = summary.errors, {}, 0
  for number, thread in ipairs(threads) do
    for _, each in ipairs(thread:get("answers")) do all[#all + 1] = each end
    longest = math.max(longest, thread:get("ended") - thread:get("began"))
    local sent = thread:get("sent")
    if sent then all[#all + 1] = answer(number - 1, thread:get("post"), now() - sent, 0) end  -- 0: no answer
  end
  io.write(string.format('{"requests": %d, "seconds": %f, "bytes": %d, "connections_failed": %d, "status_errors": %d, ',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
  io.write(string.format('"answering_seconds": %f, "answers": [%s]}\n', longest, table.concat(all, ", ")))
end
