Feature: Watching stock
  Buyers want to hear in time that pieces run out, and shoppers what there is to buy.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  Rule: Stock is low at the reorder point or under it, as long as there is some

    Example: A reservation reaches the reorder point
      Given the reorder point of stock item "LAMP-0001" is 3 pieces
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" is low
      And the stock item "LAMP-0001" is announced as low

    Example: The reorder point is raised to what is available
      When the reorder point of stock item "LAMP-0001" is set to 5 pieces
      Then the stock item "LAMP-0001" is low
      And the stock item "LAMP-0001" is announced as low

    Example: One piece more than the reorder point is enough
      When the reorder point of stock item "LAMP-0001" is set to 4 pieces
      Then the stock item "LAMP-0001" is in stock

  Rule: Stock that stays low is not announced again

    Example: Another piece goes
      Given the reorder point of stock item "LAMP-0001" is 3 pieces
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "B" reserves 1 piece of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" is low
      And the stock item "LAMP-0001" is not announced as low

  Rule: Without a reorder point stock is never low

    Example: The last piece but one goes
      When order "A" reserves 4 pieces of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" is in stock

  Rule: Stock is depleted when the last available piece goes

    Example: An order takes all there is
      When order "A" reserves 5 pieces of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" is out of stock
      And the stock item "LAMP-0001" is announced as depleted

  Rule: Stock is replenished when there are available pieces again

    Example: A delivery comes in
      Given order "A" has reserved 5 pieces of stock item "LAMP-0001"
      When 2 pieces of stock item "LAMP-0001" are received
      Then the stock item "LAMP-0001" is in stock
      And the stock item "LAMP-0001" is announced as replenished

    Example: A small delivery leaves it low
      Given the reorder point of stock item "LAMP-0001" is 3 pieces
      And order "A" has reserved 5 pieces of stock item "LAMP-0001"
      When 2 pieces of stock item "LAMP-0001" are received
      Then the stock item "LAMP-0001" is announced as replenished
      And the stock item "LAMP-0001" is announced as low

  Rule: Setting the reorder point that is set already records nothing

    Example: It is set twice
      Given the reorder point of stock item "LAMP-0001" is 3 pieces
      When the reorder point of stock item "LAMP-0001" is set to 3 pieces
      Then nothing is recorded of stock item "LAMP-0001"
