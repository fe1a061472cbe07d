Feature: Opening stock
  The catalog registers a product and tells how many pieces of it there are to begin
  with. From then on inventory keeps a stock item of the same SKU.

  Rule: A stock item opens with the pieces that the catalog passed on

    Example: All that is on hand is available
      When the stock item "LAMP-0001" is opened with 5 pieces
      Then the stock item "LAMP-0001" has 5 pieces on hand
      And the stock item "LAMP-0001" has 0 pieces reserved
      And the stock item "LAMP-0001" has 5 pieces available
      And the stock item "LAMP-0001" is in stock

  Rule: A stock item may open with nothing, which does not deplete it

    Example: There is nothing to sell yet
      When the stock item "LAMP-0001" is opened with 0 pieces
      Then the stock item "LAMP-0001" has 0 pieces available
      And the stock item "LAMP-0001" is out of stock
      And the stock item "LAMP-0001" is not announced as depleted

  Rule: A stock item opens once

    Example: Opening it again changes nothing
      Given the stock item "LAMP-0001" has 5 pieces on hand
      When the stock item "LAMP-0001" is opened with 7 pieces
      Then the stock item "LAMP-0001" has 5 pieces on hand
      And nothing is recorded of stock item "LAMP-0001"

  Rule: Nothing can be done with a stock item that was never opened

    Example: Pieces of an unknown thing come in
      When 3 pieces of stock item "LAMP-0001" are received
      Then that is refused because there is no stock item "LAMP-0001"
