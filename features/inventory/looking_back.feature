Feature: Looking back
  Somebody asks how a stock item came to be as it is. Its movements tell.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  Rule: Every movement is kept, the newest first

    Example: From the shelf to the customer
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" ships from stock item "LAMP-0001"
      Then the movements of stock item "LAMP-0001" are "shipped, reserved, opened"

    Example: The last piece goes
      When order "A" reserves 5 pieces of stock item "LAMP-0001"
      Then the movements of stock item "LAMP-0001" are "depleted, reserved, opened"

  Rule: A movement says what it left, and for whom or why it was

    Example: Pieces are held for an order
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then movement 2 of stock item "LAMP-0001" names order "A"
      And movement 2 of stock item "LAMP-0001" left 5 pieces on hand
      And movement 2 of stock item "LAMP-0001" left 3 pieces available
      And movement 1 of stock item "LAMP-0001" left 5 pieces available

    Example: Pieces are missing
      When 3 pieces of stock item "LAMP-0001" are counted because of "breakage"
      Then movement 2 of stock item "LAMP-0001" gives the reason "breakage"
      And movement 2 of stock item "LAMP-0001" left 3 pieces on hand

  Rule: What was refused is no movement

    Example: More is asked for than there is
      When order "A" reserves 6 pieces of stock item "LAMP-0001"
      Then that is refused because 6 pieces were asked for and 5 are available
      And the movements of stock item "LAMP-0001" are "opened"
