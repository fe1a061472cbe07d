Feature: Retiring stock
  The catalog discontinues a product. It is not bought in again, but what is on its way
  still arrives, and what is left is sold off.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  Rule: What arrives of a retired stock item is taken in

    Example: A late delivery
      Given the stock item "LAMP-0001" is retired
      When 3 pieces of stock item "LAMP-0001" are received
      Then the stock item "LAMP-0001" has 8 pieces on hand

  Rule: What is left of a retired stock item is sold off

    Example: The last lamps
      Given the stock item "LAMP-0001" is retired
      When order "A" reserves 5 pieces of stock item "LAMP-0001"
      Then order "A" holds 5 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 0 pieces available

    Example: There are no more
      Given the stock item "LAMP-0001" is retired
      When order "A" reserves 6 pieces of stock item "LAMP-0001"
      Then that is refused because 6 pieces were asked for and 5 are available

  Rule: What must not be sold any more is taken off the shelf

    Example: The lamps are recalled
      Given the stock item "LAMP-0001" is retired
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When 5 pieces of stock item "LAMP-0001" are booked as recalled
      Then the correction released the orders "A"
      And the stock item "LAMP-0001" has 0 pieces available

  Rule: What was reserved before may still ship, be released and expire

    Example: A promise is kept
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" is retired
      When order "A" ships from stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 3 pieces on hand

    Example: A promise is taken back
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" is retired
      When order "A" releases stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 5 pieces available

    Example: A promise runs out
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 30 minutes
      And the stock item "LAMP-0001" is retired
      When 30 minutes pass
      Then the stock item "LAMP-0001" has 5 pieces available

  Rule: A retired stock item can be counted

    Example: The rest is cleared out
      Given the stock item "LAMP-0001" is retired
      When 0 pieces of stock item "LAMP-0001" are counted because of "cleared out"
      Then the stock item "LAMP-0001" has 0 pieces on hand

  Rule: Whatever its numbers, a retired stock item is only said to be retired

    Example: Nobody is told to buy more of it
      Given the reorder point of stock item "LAMP-0001" is 3 pieces
      And the stock item "LAMP-0001" is retired
      When 0 pieces of stock item "LAMP-0001" are counted because of "cleared out"
      Then the stock item "LAMP-0001" is not announced as depleted

  Rule: A stock item whose product is relisted is as before

    Example: The lamp is back
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" is retired
      When the stock item "LAMP-0001" is reopened
      Then the stock item "LAMP-0001" is in stock
      And the stock item "LAMP-0001" has 3 pieces available
      And order "A" holds 2 pieces of stock item "LAMP-0001"

  Rule: Retiring what is retired and reopening what is open record nothing

    Example: It is retired twice
      Given the stock item "LAMP-0001" is retired
      When the stock item "LAMP-0001" is retired
      Then nothing is recorded of stock item "LAMP-0001"

    Example: It was never retired
      When the stock item "LAMP-0001" is reopened
      Then nothing is recorded of stock item "LAMP-0001"
