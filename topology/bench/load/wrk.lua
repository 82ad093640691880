-- What wrk has counted, as one line of JSON: its own report rounds to units.
function done(summary, latency, requests)
  local e = summary.errors
  local shares = {}
  for _, p in ipairs({50, 90, 99, 99.9}) do
    shares[#shares + 1] = string.format('"p%g": %.1f', p, latency:percentile(p))
  end
  shares[#shares + 1] = string.format('"max": %.1f', latency.max)
  io.write(string.format(
    'figures: {"requests": %d, "bytes": %d, "microseconds": %d, "errors": '
      .. '{"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}, "latency": {%s}}\n',
    summary.requests, summary.bytes, summary.duration,
    e.connect, e.read, e.write, e.status, e.timeout, table.concat(shares, ", ")))
end
