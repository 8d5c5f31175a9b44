-- Arguments after "--": a file of paths, one per line. Headers come from -H.
-- Prints one line of JSON that wrk.py reads.
local paths, requests, at = {}, {}, 0

function init(args)
   for line in io.lines(args[1]) do paths[#paths + 1] = line end
   for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path) end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency, _)
   local e = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "microseconds": %d, "bytes": %d, "p50": %f, "p95": %f, "max": %f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(95), latency.max,
      e.status, e.connect + e.read + e.write + e.timeout))
end
