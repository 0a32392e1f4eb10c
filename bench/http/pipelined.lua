-- Sixteen requests in one write.
init = function()
  local requests = {}
  for at = 1, 16 do requests[at] = wrk.format(nil, wrk.path) end
  joined = table.concat(requests)
end
request = function() return joined end
