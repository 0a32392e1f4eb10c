-- PUT /update of one of 10,000 keys, each time with a new value of 90 octets.
-- The request is built here, because wrk.format takes longer than a server needs to answer.
local sent, start, head = 0, os.time(), ""
local fill = string.rep("x", 90)
function init()
  head = "PUT /update HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nContent-Type: text/plain\r\nContent-Length: "
end
function request()
  sent = sent + 1
  local value = start .. "." .. sent
  local body = "key" .. (sent * 7919 % 10000) .. ": " .. value .. fill:sub(#value + 1)
  return head .. #body .. "\r\n\r\n" .. body
end
