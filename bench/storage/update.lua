-- PUT /update of one of 10,000 keys, each time with a value that was never sent before, 90 octets long.
local sent, start = 0, os.time()
request = function()
  sent = sent + 1
  local value = string.format("%d.%012d", start, sent)
  local body = "key" .. (sent * 7919 % 10000) .. ": " .. value .. string.rep("x", 90 - #value)
  return wrk.format("PUT", "/update", { ["Content-Type"] = "text/plain" }, body)
end
