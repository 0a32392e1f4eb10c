-- GET of one of 10,000 keys.
local sent = 0
request = function()
  sent = sent + 1
  return wrk.format("GET", "/keys/key" .. (sent * 7919 % 10000))
end
