-- Searches by turns for a word that stands nowhere and for the SKU of one product, as
-- `imports.py` names them. No request is sent twice, so none is answered from a cache.
local number = 0

function request()
   number = number + 1
   if number % 2 == 0 then
      return wrk.format("GET", string.format("/products?q=zqx%d", number))
   end
   return wrk.format("GET", string.format("/products?q=bench-%07d", number * 7919 % 90000))
end
