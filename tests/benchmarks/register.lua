-- Registers a new product with each request. Arguments: a name for this run of wrk, and
-- the milliseconds to pause before each request (none if absent).
local run, pause, number = "", 0, 0

function init(args)
   run = args[1] or tostring(os.time())
   pause = tonumber(args[2] or "0")
end

function delay()
   return pause
end

function request()
   number = number + 1
   local body = string.format(
      '{"name":"Product %d","sku":"%s-%d","stock_count":5}', number, run, number)
   return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
end
